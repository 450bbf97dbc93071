// Chance that repeats: the same seed gives the same people, pictures and words.

export class Chance {
  #state: number

  /** Parts of a name make a stream of its own, so that more users do not change the pictures of the first ones. */
  constructor(...parts: ReadonlyArray<string | number>) {
    let state = 2_166_136_261 // FNV-1a
    for (const character of parts.join('/')) state = Math.imul(state ^ character.charCodeAt(0), 16_777_619)
    this.#state = state >>> 0
  }

  /** At least 0, below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** A whole number, both ends included. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1))
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.whole(0, from.length - 1)] ?? from[0]
  }
}
