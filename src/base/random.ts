// Randomness as a dependency: a seed reproduces a run.
// Source: D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021), xoshiro128**;
// the state is filled by splitmix32. Never used for secrets; those come from node:crypto.

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform whole number in [0, below). */
  int(below: number): number
  pick<T>(items: readonly T[]): T
}

export function seededRandom(seed: number): Random {
  let mixed = seed >>> 0
  const splitmix = () => {
    mixed = (mixed + 0x9e3779b9) >>> 0
    let z = mixed
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()]
  const rotateLeft = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0

  const next = () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return result / 2 ** 32
  }
  const int = (below: number) => Math.floor(next() * below)
  return {
    next,
    int,
    pick(items) {
      if (items.length === 0) throw new RangeError('pick needs at least one item')
      return items[int(items.length)] as (typeof items)[number]
    },
  }
}

export const systemRandom: Random = seededRandom((Date.now() ^ (process.pid << 16)) >>> 0)
