// The queue that apps hold: checks, batches and handlers, written once over any engine.

import type { BaseLogger } from 'pino'
import { type Clock, systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { type Random, systemRandom } from '../../base/random.ts'
import type { HandleOptions, Handler, Payload, Published, Queue, QueueEngine } from './contract.ts'
import { checkHandleOptions, checkJob, checkQueueName } from './options.ts'
import { PublishBatch } from './publish-batch.ts'
import { QueueWorker } from './worker.ts'

export interface QueueTierOptions {
  log: Pick<BaseLogger, 'warn' | 'error'>
  clock?: Clock
  random?: Random
  /** The process's id in the map. */
  holder?: string
}

export class QueueTier {
  readonly queue: Queue
  readonly #engine: QueueEngine
  readonly #workers = new Map<string, QueueWorker>()
  #hasStarted = false

  constructor(
    engine: QueueEngine,
    { log, clock = systemClock, random = systemRandom, holder = 'nobody' }: QueueTierOptions,
  ) {
    this.#engine = engine
    const batch = new PublishBatch(engine)
    const hint = (queue: string) => this.#workers.get(queue)?.hint()
    this.queue = {
      async publish(queue, payload, options = {}) {
        const published = await batch.add(checkJob(queue, payload, options))
        hint(queue)
        return published
      },
      in: (tx) => ({
        async publish(queue, payload, options = {}) {
          const [published] = await engine.publishIn(tx, [checkJob(queue, payload, options)])
          hint(queue) // before the commit, which nobody tells us of: the worker looks often for a moment
          return published as Published
        },
      }),
      handle: <P extends Payload>(queue: string, options: HandleOptions, handler: Handler<P>) => {
        checkQueueName(queue)
        if (this.#hasStarted)
          throw new TenfoldError('conflict', `handle('${queue}') came after the workers had started: call it in setup`)
        if (this.#workers.has(queue)) throw new TenfoldError('conflict', `queue ${queue} has a handler already`)
        const whole = checkHandleOptions(queue, options)
        this.#workers.set(
          queue,
          new QueueWorker(engine, queue, handler as Handler, whole, { log, clock, random, holder }),
        )
      },
    }
  }

  /** Jobs that are being handled here. */
  get inFlight(): number {
    let sum = 0
    for (const worker of this.#workers.values()) sum += worker.inFlight
    return sum
  }

  startWorkers(): void {
    this.#hasStarted = true
    for (const worker of this.#workers.values()) worker.start()
  }

  /** Takes no more jobs, aborts the signals of those under way, and hands back what is not finished in `drainMs`. */
  async stopWorkers(drainMs: number): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop(drainMs)))
  }

  depth(): ReturnType<QueueEngine['depth']> {
    return this.#engine.depth()
  }
}
