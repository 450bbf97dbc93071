// One value in the memory engine: its place in the eviction's queues, its place in the wheel of expiry, and where it is counted.
//
// What a hit reads comes first, and so lies in one line of the processor's cache: in a cache of ten thousand values, where
// things lie is most of what a hit costs. For the same reason the value stands here and not only in `kept`, and times are whole
// ticks: a fraction or a large number would be an object of its own.

import type { Kept } from '../../contract.ts'
import type { Place, PlaceQueue } from './eviction/place-queue.ts'
import type { NameCounts } from './name-counts.ts'

export class Entry implements Place {
  /** Of `kept`. */
  value: unknown
  /** Before this tick of the wheel it is calm. */
  calmTick = 0
  hits = 0
  readonly hash: number
  readonly counts: NameCounts
  /** Of `value`, made by the first hit that awaits it. */
  promise: Promise<unknown> | undefined = undefined

  readonly key: string
  kept: Kept
  /** Milliseconds of the monotonic clock. */
  setAtMs: number

  bytes: number
  queue: PlaceQueue | undefined = undefined
  newer: Place | undefined = undefined
  older: Place | undefined = undefined

  /** The tick at which it is gone, and its neighbours in its slot of the wheel. */
  expiryTick = 0
  slot = -1
  later: Entry | undefined = undefined
  earlier: Entry | undefined = undefined

  constructor(key: string, hash: number, bytes: number, kept: Kept, counts: NameCounts, setAtMs: number) {
    this.value = kept.value
    this.hash = hash
    this.counts = counts
    this.key = key
    this.kept = kept
    this.setAtMs = setAtMs
    this.bytes = bytes
  }
}
