// Whether the body of a request comes fast enough: too long in all, too long silent, or too slow over a window. Looked at
// every `checkAfterMs`.

import type { ServerLimits } from './limits.ts'

type BodyLimits = Pick<
  ServerLimits,
  'requestTimeoutMs' | 'bodyIdleTimeoutMs' | 'bodyRateWindowMs' | 'bodyBytesPerSecondMin'
>

export class BodyClock {
  readonly #limits: BodyLimits
  // When it began, when its last piece came, and the window over which its rate is looked at.
  #startMs = 0
  #lastMs = 0
  #windowMs = 0
  #windowBytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  get checkAfterMs(): number {
    const { requestTimeoutMs, bodyIdleTimeoutMs, bodyRateWindowMs } = this.#limits
    return Math.min(requestTimeoutMs, bodyIdleTimeoutMs, bodyRateWindowMs)
  }

  /** From here on its time counts. */
  start(nowMs: number): void {
    this.#startMs = nowMs
    this.resume(nowMs)
  }

  /** Silence while nobody read it was ours. */
  resume(nowMs: number): void {
    this.#lastMs = nowMs
    this.#openWindow(nowMs)
  }

  took(bytes: number, nowMs: number): void {
    this.#windowBytes += bytes
    this.#lastMs = nowMs
  }

  isTooSlow(nowMs: number): boolean {
    const { requestTimeoutMs, bodyIdleTimeoutMs, bodyRateWindowMs, bodyBytesPerSecondMin } = this.#limits
    if (nowMs - this.#startMs >= requestTimeoutMs || nowMs - this.#lastMs >= bodyIdleTimeoutMs) return true
    if (nowMs - this.#windowMs < bodyRateWindowMs) return false
    const isBelowRate = this.#windowBytes < (bodyBytesPerSecondMin * bodyRateWindowMs) / 1000
    this.#openWindow(nowMs)
    return isBelowRate
  }

  #openWindow(nowMs: number): void {
    this.#windowMs = nowMs
    this.#windowBytes = 0
  }
}
