// What one policy would have kept of a sample of the keys: hashes and sizes, no values.

import type { Place, PlaceQueue } from './place-queue.ts'
import { S3Fifo, type S3FifoOptions } from './s3-fifo.ts'

export class S3FifoShadow {
  hits = 0
  readonly #policy: S3Fifo
  readonly #places = new Map<number, Place>()

  constructor(options: S3FifoOptions) {
    this.#policy = new S3Fifo(options)
  }

  get count(): number {
    return this.#places.size
  }

  ask(hash: number, bytes: number): void {
    const place = this.#places.get(hash)
    if (place) {
      this.hits++
      this.#policy.touch(place)
      return
    }
    const added = new ShadowPlace(hash, bytes)
    this.#places.set(hash, added)
    this.#policy.add(added)
    while (this.#policy.bytes > this.#policy.roomBytes) {
      const evicted = this.#policy.evict()
      if (evicted) this.#places.delete(evicted.hash)
    }
  }

  /** Half the sample is gone, so is half the room. */
  keepUpTo(bound: number): void {
    this.#policy.roomBytes /= 2
    for (const [hash, place] of this.#places)
      if (hash > bound) {
        this.#policy.remove(place)
        this.#places.delete(hash)
      }
    while (this.#policy.bytes > this.#policy.roomBytes) {
      const evicted = this.#policy.evict()
      if (evicted) this.#places.delete(evicted.hash)
    }
  }
}

class ShadowPlace implements Place {
  readonly hash: number
  bytes: number
  hits = 0
  queue: PlaceQueue | undefined = undefined
  newer: Place | undefined = undefined
  older: Place | undefined = undefined

  constructor(hash: number, bytes: number) {
    this.hash = hash
    this.bytes = bytes
  }
}
