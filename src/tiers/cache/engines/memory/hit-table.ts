// What a hit reads and writes, of every value side by side in a few arrays, with the rest of an entry elsewhere.
//
// In a cache of ten thousand values, where things lie is most of what a hit costs: an object each takes two lines of the
// processor's cache, here one line of `words` holds four values. Times are whole ticks and hashes have 31 bits, so that
// all of it fits into whole words.

/**
 * Words of a value: the tick before which it is calm, its hash, how often it was asked for, and where that count stood when
 * its policy last looked. A hit counts here and nowhere else: one counter for all values, or one for each name, would have
 * every hit wait for the one before it, which costs more than all the rest of a hit.
 */
export const wordsEach = 4
export const calmWord = 0
export const hashWord = 1
export const askedWord = 2
export const seenWord = 3

export class HitTable {
  readonly values: unknown[] = []
  /** Of the values, made by the first hit that awaits one. */
  readonly promises: Array<Promise<unknown> | undefined> = []
  words = new Int32Array(64 * wordsEach)
  /** Places that were given back. */
  readonly #free: number[] = []

  /** A place, with nothing in it. */
  take(hash: number): number {
    const index = this.#free.pop() ?? this.values.length
    if (index * wordsEach === this.words.length) this.#grow()
    this.values[index] = undefined
    this.promises[index] = undefined
    const { words } = this
    const at = index * wordsEach
    words[at + calmWord] = 0
    words[at + hashWord] = hash
    words[at + askedWord] = 0
    words[at + seenWord] = 0
    return index
  }

  promiseOf(index: number): Promise<unknown> {
    const promise = Promise.resolve(this.values[index])
    this.promises[index] = promise
    return promise
  }

  giveBack(index: number): void {
    this.values[index] = undefined
    this.promises[index] = undefined
    this.#free.push(index)
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
  }
}
