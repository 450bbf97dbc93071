// Who is chosen how often: a few celebrities get most of the attention. Zipf with exponent s: rank k has weight 1/k^s.
// Source: J. Gray et al., "Quickly Generating Billion-Record Synthetic Databases" (1994); YCSB uses s = 0.99.
// The population may grow: weights are kept as a running sum and a pick is a binary search in it.

import type { Random } from '../../base/random.ts'

const exponent = 0.99

export class ZipfRanks {
  #sums: number[] = []

  get size(): number {
    return this.#sums.length
  }

  /** One more, at the end of the ranks: newcomers are the least known. */
  grow(): void {
    const rank = this.#sums.length + 1
    this.#sums.push((this.#sums.at(-1) ?? 0) + 1 / rank ** exponent)
  }

  /** A rank from 0 (the best known) to size - 1. */
  pick(random: Random): number {
    const target = random.next() * (this.#sums.at(-1) ?? 0)
    let [low, high] = [0, this.#sums.length - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sums[middle] ?? 0) > target) high = middle
      else low = middle + 1
    }
    return Math.max(0, low)
  }
}
