// Leave to start jobs, where a queue has limits over all processes. A queue without any asks nobody.
//
// Leave is asked for before jobs are taken, so that jobs that may not start wait in the queue, where others see them; what
// then has no job is given back. One statement for each full take, whatever its size.

import { describeError } from '../../../base/errors.ts'
import type { TakenJob } from '../contract.ts'
import type { HandleTerms } from '../options.ts'
import type { WorkerContext } from './context.ts'

/** Slots of a process that is gone are others' after so long. */
const slotMs = 15_000

export class StartLimits {
  readonly isUnlimited: boolean
  readonly #context: WorkerContext
  readonly #queue: string
  readonly #terms: HandleTerms
  readonly #limits: { concurrencyMax: number | undefined; rate: HandleTerms['rate'] }
  #saidAt = 0

  constructor(context: WorkerContext, queue: string, terms: HandleTerms) {
    this.#context = context
    this.#queue = queue
    this.#terms = terms
    this.#limits = { concurrencyMax: terms.concurrencyMax, rate: terms.rate }
    this.isUnlimited = terms.concurrencyMax === undefined && terms.rate === undefined
  }

  /** Of `wanted`; `held` run here. @throws when the ledger cannot be asked */
  async grant(wanted: number, held: number): Promise<{ count: number; waitMs: number }> {
    if (!this.#context.ledger || this.isUnlimited) return { count: wanted, waitMs: 0 }
    this.#saidAt = this.#context.clock.monotonic()
    return this.#context.ledger.limits.grant({ ...this.#names, wanted, held }, this.#limits)
  }

  async giveBack(unused: number, held: number): Promise<void> {
    if (!this.#context.ledger || this.isUnlimited) return
    this.#saidAt = this.#context.clock.monotonic()
    await this.#context.ledger.limits.giveBack({ ...this.#names, unused, held }, this.#limits)
  }

  /** How long each must wait for its key's turn; 0: it may start now. */
  async waitsOf(jobs: readonly TakenJob[]): Promise<number[] | undefined> {
    const { ledger } = this.#context
    const { keyRate } = this.#terms
    if (!ledger || !keyRate) return undefined
    const keys = jobs.flatMap(({ key }) => (key === undefined ? [] : [key]))
    if (keys.length === 0) return undefined
    const waits = await ledger.limits.grantKeys(this.#queue, keys, keyRate)
    const byKey = new Map(keys.map((key, i) => [key, waits[i] ?? 0]))
    return jobs.map(({ key }) => (key === undefined ? 0 : (byKey.get(key) ?? 0)))
  }

  /** Slots of jobs that take long stay ours. Called now and then. */
  async keep(held: number): Promise<void> {
    if (this.#terms.concurrencyMax === undefined || held === 0) return
    if (this.#context.clock.monotonic() - this.#saidAt < slotMs / 3) return
    await this.giveBack(0, held).catch((error) =>
      this.#context.log.warn({ err: error, queue: this.#queue }, `could not keep slots: ${describeError(error)}`),
    )
  }

  get #names(): { queue: string; holder: string; slotMs: number } {
    return { queue: this.#queue, holder: this.#context.holder, slotMs }
  }
}
