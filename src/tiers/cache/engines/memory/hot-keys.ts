// The keys that are asked for most, found in bounded memory: Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi,
// "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005), with weights.
//
// A key that has no counter takes the smallest one over, with what it stood at: so no counter is below the truth, none is
// above it by more than what it took over, and a key with more than its share (one of `keysMax`) of all requests has one.
// Worked example with two counters: a a a b c leaves a: 3, and c: 2 of which up to 1 was b's.
//
// A hit costs nothing here: the engine counts it in its table, and tells when the value leaves or somebody looks. To take a
// counter over is a walk over all of them, so that while there are more keys than counters a sample is told, in which a few
// requests stand for sixteen by chance (N. Duffield, C. Lund, M. Thorup, "Learn More, Sample Less: Control of Volume and
// Variance in Network Measurement", IEEE Transactions on Information Theory, 2005): 3 requests count as 16 three times out
// of sixteen, as nothing else; 20 count as 20. Of 10,000 requests of one key that were told one by one, 10,000 +- 400 count.

import type { Random } from '../../../../base/random.ts'

const keysMax = 128
const shownMax = 20
/** After so many requests, what was counted counts half. */
const requestsPerHalf = 1 << 20
const requestsPerSample = 16

export interface HotKey {
  key: string
  /** Of all requests lately, 0 to 1; the truth is at most `errorMax` below. */
  share: number
  errorMax: number
}

interface Counter {
  count: number
  error: number
}

export class HotKeys {
  readonly #counters = new Map<string, Counter>()
  #requests = 0
  /** No counter is below it: counters only grow, so the first one that stands at it is a smallest one. */
  #floor = 0
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** The same as `add`, of a sample: for whoever tells of every request. */
  tell(key: string, requests: number): void {
    if (requests === 0) return
    if (requests >= requestsPerSample || this.#counters.size < keysMax) this.add(key, requests)
    else if (this.#random.int(requestsPerSample) < requests) this.add(key, requestsPerSample)
  }

  add(key: string, requests: number): void {
    const own = this.#counters.get(key)
    if (own) own.count += requests
    else if (this.#counters.size < keysMax) this.#counters.set(key, { count: requests, error: 0 })
    else this.#takeOver(key, requests)
    this.#requests += requests
    while (this.#requests > requestsPerHalf) this.#halve()
  }

  /** Those that by what was told certainly are above their share, the hottest first. */
  hottest(): HotKey[] {
    const total = Math.max(1, this.#requests)
    return [...this.#counters]
      .filter(([, { count, error }]) => count - error > total / keysMax)
      .toSorted(([, one], [, other]) => other.count - one.count)
      .slice(0, shownMax)
      .map(([key, { count, error }]) => ({ key, share: count / total, errorMax: error / total }))
  }

  #takeOver(key: string, requests: number): void {
    let smallest = ''
    let least = Number.POSITIVE_INFINITY
    for (const [each, { count }] of this.#counters) {
      if (count >= least) continue
      least = count
      smallest = each
      if (least <= this.#floor) break
    }
    this.#floor = least
    this.#counters.delete(smallest)
    this.#counters.set(key, { count: least + requests, error: least })
  }

  #halve(): void {
    this.#requests /= 2
    this.#floor /= 2
    for (const counter of this.#counters.values()) {
      counter.count /= 2
      counter.error /= 2
    }
  }
}
