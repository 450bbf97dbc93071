// First in, first out: what is oldest goes, however much it was asked for.

import type { Eviction } from './eviction.ts'
import { type Place, PlaceQueue } from './place-queue.ts'

export class Fifo implements Eviction {
  readonly touchUpTo: number = -1
  protected readonly queue = new PlaceQueue()

  get bytes(): number {
    return this.queue.bytes
  }

  get count(): number {
    return this.queue.count
  }

  add(place: Place): void {
    this.queue.push(place)
  }

  touch(_place: Place): void {}

  remove(place: Place): void {
    this.queue.remove(place)
  }

  resize(place: Place, bytes: number): void {
    this.queue.bytes += bytes - place.bytes
    place.bytes = bytes
  }

  evict(): Place | undefined {
    const { oldest } = this.queue
    if (oldest) this.queue.remove(oldest)
    return oldest
  }
}
