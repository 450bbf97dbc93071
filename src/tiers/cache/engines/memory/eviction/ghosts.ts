// Which keys were evicted lately: their hashes in a ring, as many as a bound in bytes of the values that they stood for.
//
// Two keys with one hash are taken for each other: one value in two billion is given a better place than it earned.

import type { Place } from './place-queue.ts'

/** About 50 bytes each, in the worst case 50 MiB, in a cache that holds a million values. */
const ghostsMax = 1 << 20

export class Ghosts {
  /** Hash to the number of its newest entry in the ring; an entry with another number is out of date. */
  readonly #numbers = new Map<number, number>()
  #hashes = new Int32Array(16)
  #sizes = new Float64Array(16)
  #first = 0
  #next = 0
  #bytes = 0

  add({ hash, bytes }: Place, bytesMax: number): void {
    if (this.#next - this.#first === this.#hashes.length) this.#grow()
    const at = this.#next & (this.#hashes.length - 1)
    this.#hashes[at] = hash
    this.#sizes[at] = bytes
    this.#numbers.set(hash, this.#next++)
    this.#bytes += bytes
    while (this.#next > this.#first && (this.#bytes > bytesMax || this.#next - this.#first > ghostsMax))
      this.#dropOldest()
    if (this.#next === 2 ** 30) this.#clear()
  }

  /** Whether it was one. It is none afterwards. */
  take(hash: number): boolean {
    return this.#numbers.delete(hash)
  }

  #dropOldest(): void {
    const at = this.#first & (this.#hashes.length - 1)
    const hash = this.#hashes[at] as number
    this.#bytes -= this.#sizes[at] as number
    if (this.#numbers.get(hash) === this.#first) this.#numbers.delete(hash)
    this.#first++
  }

  /** Before the numbers leave the range of small integers, once in a billion evictions. */
  #clear(): void {
    this.#numbers.clear()
    this.#first = 0
    this.#next = 0
    this.#bytes = 0
  }

  #grow(): void {
    const { length } = this.#hashes
    const hashes = new Int32Array(length * 2)
    const sizes = new Float64Array(length * 2)
    for (let n = this.#first; n < this.#next; n++) {
      hashes[n & (length * 2 - 1)] = this.#hashes[n & (length - 1)] as number
      sizes[n & (length * 2 - 1)] = this.#sizes[n & (length - 1)] as number
    }
    this.#hashes = hashes
    this.#sizes = sizes
  }
}
