// Keys whose answers are not kept: their requests go on at once and do not wait for each other's answers, which would be
// for nobody else (Varnish calls the mark hit-for-miss). It ends by itself, because answers change.

import { type Clock, systemClock } from '../../base/clock.ts'
import { passingKeysMax } from './limits.ts'

export class PassingKeys {
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

  add(key: string, forMs: number): void {
    this.#untilMs.delete(key)
    this.#untilMs.set(key, this.#clock.monotonic() + forMs)
    if (this.#untilMs.size <= passingKeysMax) return
    const oldest = this.#untilMs.keys().next().value
    if (oldest !== undefined) this.#untilMs.delete(oldest)
  }

  delete(key: string): void {
    this.#untilMs.delete(key)
  }
}
