// The time for hits, in ticks of the wheel: asked of the system every few milliseconds or every 64 reads, since asking
// costs more than a hit.
//
// What it says may be some milliseconds old. The timer alone would not do: a chain of awaited hits never lets it run.

import { tickMs } from './timer-wheel.ts'

const readsMax = 64
const ageMsMax = 4

export class CoarseTicks {
  #tick = 0
  #readsLeft = 0
  #isArmed = false

  now(): number {
    return --this.#readsLeft >= 0 ? this.#tick : this.#ask()
  }

  #ask(): number {
    this.#readsLeft = readsMax - 1
    this.#tick = Math.floor(performance.now() / tickMs)
    if (!this.#isArmed) {
      this.#isArmed = true
      setTimeout(this.#expire, ageMsMax).unref()
    }
    return this.#tick
  }

  readonly #expire = (): void => {
    this.#isArmed = false
    this.#readsLeft = 0
  }
}
