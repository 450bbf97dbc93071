// What an eviction policy does. It keeps the order, and not the values; who holds it evicts while there is too much.

import type { Place } from './place-queue.ts'

/** Hashes have 31 bits. */
export const hashMax = 2 ** 31 - 1
/** More hits than that make no difference to S3-FIFO. */
export const hitsMax = 3

export interface Eviction {
  /** Of all places in it. */
  readonly bytes: number
  readonly count: number
  /** A value came in; room is made for it by `evict`, afterwards, and the one taken out may be this one. */
  add(place: Place): void
  /**
   * Hits of places whose hash is not above are told by `touch`. Of the others it is enough to count `hits`, to `hitsMax`,
   * which costs less than a call. -1 for none; it may change with every call.
   */
  readonly touchUpTo: number
  /** A request was answered from it. No allocation, no walk. */
  touch(place: Place): void
  /** Deleted or expired: not the policy's choice, so it is not remembered. */
  remove(place: Place): void
  resize(place: Place, bytes: number): void
  /** Takes out what is needed least. Undefined when it is empty. */
  evict(): Place | undefined
}
