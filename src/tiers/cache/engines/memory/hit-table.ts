// What a hit reads and writes, of every value side by side in a few arrays, with the rest of an entry elsewhere.
//
// In a cache of ten thousand values, where things lie is most of what a hit costs: an object each takes two lines of the
// processor's cache, here one line of `words` holds four values. Times are whole ticks and hashes have 31 bits, so that
// all of it fits into whole words.

/**
 * Words of a value: the tick before which it is calm, its hash, how often it was asked for, and where that count stood when
 * its policy last looked. A hit counts here and nowhere else: one counter for all values, or one for each name, would have
 * every hit wait for the one before it, which costs more than all the rest of a hit. They are of this file alone: V8 makes
 * numbers of constants that it need not look up in another module.
 */
const wordsShift = 2
const wordsEach = 1 << wordsShift
const calmWord = 0
const hashWord = 1
const askedWord = 2
const seenWord = 3

export class HitTable {
  readonly values: unknown[] = []
  /** Of the values, made by the first hit that awaits one. */
  readonly promises: Array<Promise<unknown> | undefined> = []
  #words = new Int32Array(64 * wordsEach)
  /** Places that were given back. */
  readonly #free: number[] = []

  /** A place, with nothing in it. */
  take(hash: number): number {
    const index = this.#free.pop() ?? this.values.length
    if (index * wordsEach === this.#words.length) this.#grow()
    this.values[index] = undefined
    this.promises[index] = undefined
    const words = this.#words
    const at = index << wordsShift
    words[at + calmWord] = 0
    words[at + hashWord] = hash
    words[at + askedWord] = 0
    words[at + seenWord] = 0
    return index
  }

  giveBack(index: number): void {
    this.values[index] = undefined
    this.promises[index] = undefined
    this.#free.push(index)
  }

  /** 0: never. */
  put(index: number, value: unknown, calmUntilTick: number): void {
    this.values[index] = value
    this.promises[index] = undefined
    this.#words[(index << wordsShift) + calmWord] = calmUntilTick
  }

  promiseOf(index: number): Promise<unknown> {
    const promise = Promise.resolve(this.values[index])
    this.promises[index] = promise
    return promise
  }

  calmUntil(index: number): number {
    return this.#words[(index << wordsShift) + calmWord] as number
  }

  /** A hit; answers the hash. */
  count(index: number): number {
    const words = this.#words
    const at = index << wordsShift
    words[at + askedWord] = (words[at + askedWord] as number) + 1
    return words[at + hashWord] as number
  }

  /** The last hit was told to the policy, which counts itself. */
  uncount(index: number): void {
    const at = (index << wordsShift) + seenWord
    this.#words[at] = (this.#words[at] as number) + 1
  }

  /** Hits since the policy last looked. Both counts go round after four billion, their difference does not. */
  unseen(index: number): number {
    const at = index << wordsShift
    return ((this.#words[at + askedWord] as number) - (this.#words[at + seenWord] as number)) >>> 0
  }

  see(index: number, unseen: number): void {
    const at = index << wordsShift
    this.#words[at + seenWord] = (this.#words[at + askedWord] as number) - unseen
  }

  /** Hits since it was last called, as the policy sees them still. */
  settle(index: number): number {
    const words = this.#words
    const at = index << wordsShift
    const asked = words[at + askedWord] as number
    words[at + askedWord] = 0
    words[at + seenWord] = (words[at + seenWord] as number) - asked
    return asked >>> 0
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2)
    words.set(this.#words)
    this.#words = words
  }
}
