// Clears away what has ended: sessions, idempotency keys. Every web process does it now and then, at a random moment,
// so that nobody has to be chosen; a second sweep finds nothing.

import type { BaseLogger } from 'pino'
import { type Clock, systemClock } from '../base/clock.ts'
import { describeError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { type Random, systemRandom } from '../base/random.ts'

const intervalMs = 10 * 60_000

export interface Sweep {
  name: string
  run(): Promise<unknown>
}

export class Janitor extends Lifecycle {
  readonly #sweeps: readonly Sweep[]
  readonly #log: Pick<BaseLogger, 'warn'>
  readonly #clock: Clock
  readonly #random: Random
  #stopping = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(sweeps: readonly Sweep[], log: Pick<BaseLogger, 'warn'>, clock = systemClock, random = systemRandom) {
    super()
    this.#sweeps = sweeps
    this.#log = log
    this.#clock = clock
    this.#random = random
  }

  protected async open(): Promise<void> {
    this.#stopping = new AbortController()
    this.#loop = this.#work(this.#stopping.signal)
  }

  protected async close(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(intervalMs * (0.5 + this.#random.next()), signal)
      if (signal.aborted) return
      for (const { name, run } of this.#sweeps)
        await run().catch((error) => this.#log.warn({ err: error }, `could not sweep ${name}: ${describeError(error)}`))
    }
  }
}
