// What an eviction policy does. It keeps the order, and not the values; who holds it evicts while there is too much.

import type { Place } from './place-queue.ts'

export interface Eviction {
  /** Of all places in it. */
  readonly bytes: number
  readonly count: number
  /** A value came in; room is made for it by `evict`, afterwards, and the one taken out may be this one. */
  add(place: Place): void
  /** A request was answered from it. On the path of every hit: no allocation, no walk. */
  touch(place: Place): void
  /** Deleted or expired: not the policy's choice, so it is not remembered. */
  remove(place: Place): void
  resize(place: Place, bytes: number): void
  /** Takes out what is needed least. Undefined when it is empty. */
  evict(): Place | undefined
}
