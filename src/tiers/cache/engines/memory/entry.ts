// One value in the memory engine: its place in the eviction's queues, its place in the wheel of expiry, and where it is counted.

import type { Kept } from '../../contract.ts'
import { Place } from './eviction/place-queue.ts'
import type { NameCounts } from './name-counts.ts'

export class Entry extends Place {
  readonly key: string
  readonly counts: NameCounts
  kept: Kept
  /** Milliseconds of the monotonic clock; whole, as all that the wheel compares. */
  setAtMs: number
  /** The tick at which it is gone, and its neighbours in its slot of the wheel. */
  expiryTick = 0
  slot = -1
  later: Entry | undefined = undefined
  earlier: Entry | undefined = undefined

  constructor(key: string, hash: number, bytes: number, kept: Kept, counts: NameCounts, setAtMs: number) {
    super(hash, bytes)
    this.key = key
    this.kept = kept
    this.counts = counts
    this.setAtMs = setAtMs
  }
}
