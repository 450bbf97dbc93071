// Loads that failed: after the second failure in a row a key is not loaded again for a moment, each time for longer.
//
// The first is not remembered: one failure is a hiccup, and whoever tries again at once deserves a try. From then on
// whoever asks in the pause is given the last error, so that an origin that is down is asked by one caller at a time and
// ever more rarely, and not by all of them one after the other.

import { type Backoff, backoffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'

const backoff: Backoff = { baseMs: 50, capMs: 5000 }
/** More keys than that failing at once means that the origin is down; their pauses are forgotten together. */
const keysMax = 10_000

interface Failure {
  inARow: number
  untilMs: number
  error: unknown
}

export class Failures {
  readonly #failures = new Map<string, Failure>()
  readonly #clock: Clock
  readonly #random: Random

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** The error to give instead of loading. */
  pausing(key: string): Failure | undefined {
    const failure = this.#failures.get(key)
    return failure && this.#clock.monotonic() < failure.untilMs ? failure : undefined
  }

  add(key: string, error: unknown): void {
    const inARow = (this.#failures.get(key)?.inARow ?? 0) + 1
    if (this.#failures.size >= keysMax) this.#failures.clear()
    // Half of it for certain: full jitter may be no pause at all.
    const pauseMs = inARow === 1 ? 0 : (backoffMs(inARow, backoff, this.#random) + halfOf(inARow)) / 2
    this.#failures.set(key, { inARow, untilMs: this.#clock.monotonic() + pauseMs, error })
  }

  clear(key: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key)
  }
}

function halfOf(attempt: number): number {
  return Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt, 30))
}
