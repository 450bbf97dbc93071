// How many requests may be sent a second time, in all. Which ones may is the HTTP engine's to say (net/http1/forward.ts):
// those of which no server can have seen a byte, and those that do the same twice as once.
//
// The budget is that of Finagle (twitter.github.io/finagle, RetryBudget): retries are a share of the requests, so an
// outage multiplies load by at most 1 + ratio. Worked example: ratio 0.2, burst 10: after the first 10 retries at
// once, 100 further requests allow 20 more.

export class RetryBudget {
  readonly #ratio: number
  readonly #burst: number
  #tokens: number

  constructor(ratio: number, burst: number) {
    this.#ratio = ratio
    this.#burst = burst
    this.#tokens = burst
  }

  /** For each request, when it comes. */
  deposit(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#ratio)
  }

  /** For each retry; false when there must be none. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
