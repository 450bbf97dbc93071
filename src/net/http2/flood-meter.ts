// Tells a flood from a burst: a token bucket for one kind of event on one connection.

export class FloodMeter {
  readonly #burst: number
  readonly #perSecond: number
  #tokens: number
  #lastMs = 0

  constructor(burst: number, perSecond: number) {
    this.#burst = this.#tokens = burst
    this.#perSecond = perSecond
  }

  /** True when this one is too many. */
  isFlood(nowMs: number): boolean {
    const gained = ((nowMs - this.#lastMs) / 1000) * this.#perSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + gained) - 1
    this.#lastMs = nowMs
    return this.#tokens < 0
  }
}
