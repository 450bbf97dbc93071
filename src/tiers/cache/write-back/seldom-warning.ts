// A warning that may come hundreds of times a second, while a database is away, told once in a while with how many it stands for.

import type { BaseLogger } from 'pino'
import type { Clock } from '../../../base/clock.ts'

const everyMs = 5000

export class SeldomWarning {
  readonly #log: Pick<BaseLogger, 'warn'>
  readonly #clock: Clock
  #nextMs = Number.NEGATIVE_INFINITY
  #untold = 0

  constructor(log: Pick<BaseLogger, 'warn'>, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  warn(about: object, text: string): void {
    const nowMs = this.#clock.monotonic()
    if (nowMs < this.#nextMs) {
      this.#untold++
      return
    }
    const alike = this.#untold === 0 ? '' : ` (and ${this.#untold} times like it)`
    this.#log.warn(about, `${text}${alike}`)
    this.#nextMs = nowMs + everyMs
    this.#untold = 0
  }
}
