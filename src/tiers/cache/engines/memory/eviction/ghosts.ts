// Which keys were evicted lately: their hashes in a ring, as many as a bound in bytes of the values that they stood for.
//
// Where in the ring a hash stands is found by a table of numbers alone, open addressing with linear probing (D. Knuth, "The Art
// of Computer Programming", volume 3, 6.4, algorithms L and R): a Map of the same takes three times as long and twice the
// memory, and every eviction asks it three times.
//
// Two keys with one hash are taken for each other: one value in two billion is given a better place than it earned.

import type { Place } from './place-queue.ts'

/** 20 to 40 bytes each, in the worst case 40 MiB, in a cache that holds a million values. */
const ghostsMax = 1 << 20
const ringMin = 16
/** Places of the table for each of the ring, so that it is never more than half full. */
const tablePerRing = 2
const empty = -1

export class Ghosts {
  #hashes = new Int32Array(ringMin)
  #sizes = new Float64Array(ringMin)
  /** Numbers of entries in the ring, the newest of each hash; an entry with another number is out of date. */
  #table = new Int32Array(ringMin * tablePerRing).fill(empty)
  #first = 0
  #next = 0
  #bytes = 0

  add({ hash, bytes }: Place, bytesMax: number): void {
    if (this.#next - this.#first === this.#hashes.length) this.#grow()
    const at = this.#next & (this.#hashes.length - 1)
    this.#hashes[at] = hash
    this.#sizes[at] = bytes
    this.#table[this.#find(hash)] = this.#next++
    this.#bytes += bytes
    while (this.#next > this.#first && (this.#bytes > bytesMax || this.#next - this.#first > ghostsMax))
      this.#dropOldest()
    if (this.#next === 2 ** 30) this.#clear()
  }

  /** Whether it was one. It is none afterwards. */
  take(hash: number): boolean {
    const at = this.#find(hash)
    if (this.#table[at] === empty) return false
    this.#remove(at)
    return true
  }

  #dropOldest(): void {
    const oldest = this.#first & (this.#hashes.length - 1)
    const at = this.#find(this.#hashes[oldest] as number)
    if (this.#table[at] === this.#first) this.#remove(at)
    this.#bytes -= this.#sizes[oldest] as number
    this.#first++
  }

  #hashOf(number: number): number {
    return this.#hashes[number & (this.#hashes.length - 1)] as number
  }

  /** Where the hash stands in the table, or else where it would. */
  #find(hash: number): number {
    const table = this.#table
    const mask = table.length - 1
    let at = hash & mask
    for (let number = table[at] as number; number !== empty; number = table[at] as number) {
      if (this.#hashOf(number) === hash) return at
      at = (at + 1) & mask
    }
    return at
  }

  /** Those behind it move up, as far as each may stand from where its hash wants it. */
  #remove(place: number): void {
    const table = this.#table
    const mask = table.length - 1
    let hole = place
    let at = (hole + 1) & mask
    for (let number = table[at] as number; number !== empty; number = table[at] as number) {
      const home = this.#hashOf(number) & mask
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        table[hole] = number
        hole = at
      }
      at = (at + 1) & mask
    }
    table[hole] = empty
  }

  /** Before the numbers leave the range of small integers, once in a billion evictions. */
  #clear(): void {
    this.#table.fill(empty)
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
    const numbers = this.#table
    this.#hashes = hashes
    this.#sizes = sizes
    this.#table = new Int32Array(length * 2 * tablePerRing).fill(empty)
    for (const number of numbers) if (number !== empty) this.#table[this.#find(this.#hashOf(number))] = number
  }
}
