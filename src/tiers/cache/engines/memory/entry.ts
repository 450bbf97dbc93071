// One value in the memory engine: its place in the eviction's queues, its place in the wheel of expiry, and where it is counted.
// What a hit reads stands in the table instead.

import type { Kept } from '../../contract.ts'
import { hitsMax } from './eviction/eviction.ts'
import type { Place, PlaceQueue } from './eviction/place-queue.ts'
import type { HitTable } from './hit-table.ts'
import type { NameCounts } from './name-counts.ts'

export class Entry implements Place {
  readonly #table: HitTable
  /** Its place in the table. */
  readonly index: number
  readonly hash: number
  readonly counts: NameCounts
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

  constructor(
    table: HitTable,
    key: string,
    hash: number,
    bytes: number,
    kept: Kept,
    counts: NameCounts,
    setAtMs: number,
  ) {
    this.#table = table
    this.index = table.take(hash)
    this.hash = hash
    this.counts = counts
    this.key = key
    this.kept = kept
    this.setAtMs = setAtMs
    this.bytes = bytes
  }

  /** As policies count: since they last looked, and to `hitsMax`. */
  get hits(): number {
    return Math.min(hitsMax, this.#table.unseen(this.index))
  }

  set hits(hits: number) {
    this.#table.see(this.index, hits)
  }

  /** Moves what was counted to the counts of its name, and answers how much that was. */
  settle(): number {
    const asked = this.#table.settle(this.index)
    this.counts.hits += asked
    return asked
  }
}
