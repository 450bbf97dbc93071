// How many jobs of a queue may wait: beyond that, publishers are told so at once, instead of a backlog that nobody ends.
//
// What waits is counted about once a second, and what this process published since is added. So the limit is held to within
// what all processes publish in a second: a brake and no lock, and a publish asks nobody.

import type { BaseLogger } from 'pino'
import type { Clock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import type { QueueEngine } from './contract.ts'

const lookMs = 1000
/** What an engine counts to. */
export const waitingMaxMax = 100_000

interface Limit {
  max: number
  waiting: number
}

export class WaitingLimits {
  readonly #engine: Pick<QueueEngine, 'depth'>
  readonly #clock: Clock
  readonly #log: Pick<BaseLogger, 'warn'>
  readonly #byQueue = new Map<string, Limit>()
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(engine: Pick<QueueEngine, 'depth'>, { clock, log }: { clock: Clock; log: Pick<BaseLogger, 'warn'> }) {
    this.#engine = engine
    this.#clock = clock
    this.#log = log
  }

  /** @throws bad-input */
  set(queue: string, max: number): void {
    if (!Number.isInteger(max) || max < 1 || max > waitingMaxMax)
      throw new TenfoldError('bad-input', `waitingMax of queue ${queue} is ${max}; it must be 1 to ${waitingMaxMax}`)
    this.#byQueue.set(queue, { max, waiting: 0 })
  }

  /**
   * Room for `count` more, or undefined where the queue has no limit: then nothing is waited for. Who is in a transaction
   * goes by what is known: all connections may be in such hands, and the look needs one. @throws overloaded
   */
  admit(queue: string, count: number, isInTransaction: boolean): Promise<void> | undefined {
    const limit = this.#byQueue.get(queue)
    return limit && this.#admit(queue, limit, count, isInTransaction)
  }

  async #admit(queue: string, limit: Limit, count: number, isInTransaction: boolean): Promise<void> {
    if (this.#clock.monotonic() - this.#lookedAt > lookMs) {
      const looked = this.#look()
      if (!isInTransaction) await looked
    }
    if (limit.waiting + count > limit.max)
      throw new TenfoldError(
        'overloaded',
        `queue ${queue} has about ${limit.waiting} jobs waiting, the limit is ${limit.max}: publish later, or have more workers`,
        { details: { queue, waiting: limit.waiting, waitingMax: limit.max } },
      )
    limit.waiting += count
  }

  /** One look for all who come meanwhile. Who cannot look goes by what it knew: the publish itself will fail if it must. */
  #look(): Promise<void> {
    this.#looking ??= this.#engine
      .depth()
      .then((depths) => {
        const byQueue = new Map(depths.map((depth) => [depth.queue, depth]))
        for (const [queue, limit] of this.#byQueue) {
          const depth = byQueue.get(queue)
          limit.waiting = depth ? depth.waiting + depth.delayed : 0
        }
      })
      .catch((error) => this.#log.warn({ err: error }, `could not count the jobs that wait: ${describeError(error)}`))
      .finally(() => {
        this.#lookedAt = this.#clock.monotonic()
        this.#looking = undefined
      })
    return this.#looking
  }
}
