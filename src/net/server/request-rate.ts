// Requests per second of one address: a token bucket for each, kept as one number (the "virtual scheduling" form of the
// generic cell rate algorithm, ITU-T I.371): the time at which the bucket would be full again.
//
// Worked example: 10 a second with a burst of 20. Each request moves the time 100 ms on, from now at least; a request that
// would move it further than 2 s ahead of now is refused. So 20 come through at once, and then one every 100 ms.

import { addressKey } from './address-key.ts'

export interface RequestRateLimits {
  perSecond: number
  /** Requests that may come at once. Two seconds' worth where it is left out. */
  burst?: number
  /** Addresses that are remembered; beyond it those go first that were heard of longest ago. */
  addressesMax?: number
  clock?: () => number
}

const defaultAddressesMax = 65_536
/** Entries looked at, with each new address, for one that can be forgotten. */
const swept = 4

export class RequestRate {
  readonly #stepMs: number
  readonly #aheadMsMax: number
  readonly #addressesMax: number
  readonly #clock: () => number
  /** In the order in which they were last heard of; a full bucket needs no entry. */
  readonly #fullAtMs = new Map<string, number>()

  constructor({ perSecond, burst = 2 * perSecond, addressesMax = defaultAddressesMax, clock }: RequestRateLimits) {
    this.#stepMs = 1000 / perSecond
    this.#aheadMsMax = Math.max(1, burst) * this.#stepMs
    this.#addressesMax = addressesMax
    this.#clock = clock ?? (() => performance.now())
  }

  get size(): number {
    return this.#fullAtMs.size
  }

  /** 0 when the request is within the rate; else after how many milliseconds one will be. A refused one costs nothing. */
  take(address: string): number {
    const key = addressKey(address)
    const nowMs = this.#clock()
    const known = this.#fullAtMs.get(key)
    const nextMs = Math.max(known ?? nowMs, nowMs) + this.#stepMs
    const waitMs = nextMs - nowMs - this.#aheadMsMax
    // A rounding error is no excess.
    if (waitMs > 1e-6) return waitMs
    if (known === undefined) this.#makeRoom(nowMs)
    else this.#fullAtMs.delete(key)
    this.#fullAtMs.set(key, nextMs)
    return 0
  }

  #makeRoom(nowMs: number): void {
    let looked = 0
    for (const [key, fullAtMs] of this.#fullAtMs) {
      if (looked++ === swept) break
      if (fullAtMs <= nowMs) this.#fullAtMs.delete(key)
    }
    if (this.#fullAtMs.size < this.#addressesMax) return
    const [oldest] = this.#fullAtMs.keys()
    if (oldest !== undefined) this.#fullAtMs.delete(oldest)
  }
}
