// Whether it is worth writing: after a failure of the disk nothing is written for a while, twice as long after each one more.

import type { Clock } from '../../../../base/clock.ts'
import { TenfoldError } from '../../../../base/errors.ts'

const pauseFirstMs = 1000
const pauseMaxMs = 60_000

export class DiskHealth {
  readonly #clock: Clock
  readonly #path: string
  readonly #onTrouble: (error: TenfoldError) => void
  #pauseMs = 0
  #pausedUntilMs = 0

  constructor(clock: Clock, path: string, onTrouble: (error: TenfoldError) => void) {
    this.#clock = clock
    this.#path = path
    this.#onTrouble = onTrouble
  }

  get isWell(): boolean {
    return this.#pauseMs === 0 || this.#clock.monotonic() >= this.#pausedUntilMs
  }

  onSuccess(): void {
    this.#pauseMs = 0
  }

  /** What fails while writing is paused anyway was begun before, and is the same failure: false. */
  onFailure(cause: unknown): boolean {
    if (!this.isWell) return false
    this.#pauseMs = Math.min(pauseMaxMs, this.#pauseMs === 0 ? pauseFirstMs : this.#pauseMs * 2)
    this.#pausedUntilMs = this.#clock.monotonic() + this.#pauseMs
    const code = isFull(cause) ? 'disk-full' : 'unavailable'
    const what = `answers are not kept in ${this.#path} for ${this.#pauseMs / 1000} s, because the disk`
    const message = `${what} ${code === 'disk-full' ? 'is full' : 'fails'}`
    this.#onTrouble(new TenfoldError(code, message, { cause, details: { path: this.#path } }))
    return true
  }
}

export function isFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOSPC' || code === 'EDQUOT'
}
