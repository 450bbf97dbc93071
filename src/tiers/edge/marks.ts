// Keys with a mark that ends by itself. Two things are marked, because a next request should not find them out again:
//
// passing: its answers are not kept, so its requests go on at once and do not wait for each other's answers, which would be
// for nobody else (Varnish calls it hit-for-miss). failing: no server answered just now, and there is something to give.

import { type Clock, systemClock } from '../../base/clock.ts'
import { marksMax } from './limits.ts'

export class Marks {
  readonly #untilMs = new Map<string, number>()
  readonly #clock: Clock

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  has(key: string): boolean {
    const untilMs = this.#untilMs.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.#clock.monotonic()) return true
    this.#untilMs.delete(key)
    return false
  }

  /** With too many, the oldest is forgotten. */
  add(key: string, forMs: number): void {
    this.#untilMs.delete(key)
    this.#untilMs.set(key, this.#clock.monotonic() + forMs)
    if (this.#untilMs.size <= marksMax) return
    const oldest = this.#untilMs.keys().next().value
    if (oldest !== undefined) this.#untilMs.delete(oldest)
  }

  delete(key: string): void {
    this.#untilMs.delete(key)
  }
}
