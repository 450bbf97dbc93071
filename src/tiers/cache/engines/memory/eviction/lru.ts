// Least recently used: what nobody asked for the longest goes. One pass over many keys empties it.

import { hashMax } from './eviction.ts'
import { Fifo } from './fifo.ts'
import type { Place } from './place-queue.ts'

export class Lru extends Fifo {
  override readonly touchUpTo: number = hashMax

  override touch(place: Place): void {
    this.queue.renew(place)
  }
}
