// The queue that apps hold: checks, batches and handlers, written once over any engine.

import type { BaseLogger } from 'pino'
import { type Clock, systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { type Random, systemRandom } from '../../base/random.ts'
import { currentTrace } from '../../base/trace.ts'
import type { Queue, QueueEngine } from './contract.ts'
import { Definitions } from './definitions.ts'
import type { JobLedger } from './ledger/contract.ts'
import { OutcomeBatch } from './outcome-batch.ts'
import { openPublisher } from './publisher.ts'
import type { ScheduleStore } from './schedules/contract.ts'
import { jobOf, Schedules } from './schedules/schedules.ts'
import type { StreamEngine, StreamState } from './streams/contract.ts'
import { noStreams } from './streams/no-streams.ts'
import { StreamTier } from './streams/streams.ts'
import { typedQueue } from './typed-queue.ts'
import type { WorkerContext } from './worker/context.ts'
import { Handlers } from './worker/handlers.ts'
import { cancel, LeaseKeeper } from './worker/lease-keeper.ts'
import { Quarantine, type QuarantineOptions } from './worker/quarantine/quarantine.ts'
import { serveQuarantine } from './worker/quarantine/serve.ts'

export interface QueueTierOptions {
  log: Pick<BaseLogger, 'warn' | 'error'>
  /** Without it there are no limits over all processes, no progress, and a cancel is heard at the next renewal. */
  ledger?: JobLedger
  /** Where schedules are kept. Without it there are none. */
  schedules?: ScheduleStore
  /** Where streams are kept. Without it there are none. */
  streams?: StreamEngine
  /** A process of the same app that calls `serveQuarantine`. Without it suspects run beside the others. */
  forkQuarantine?: QuarantineOptions['fork']
  clock?: Clock
  random?: Random
  /** The process's id in the map. */
  holder?: string
}

export class QueueTier {
  readonly queue: Queue
  readonly #engine: QueueEngine
  readonly #context: WorkerContext
  readonly #handlers: Handlers
  readonly #keeper: LeaseKeeper
  readonly #schedules: Schedules | undefined
  readonly #streams: StreamTier | undefined
  #watch: { close(): Promise<void> } | undefined
  #released: Promise<void> | undefined

  constructor(engine: QueueEngine, options: QueueTierOptions) {
    const {
      log,
      ledger,
      schedules: store,
      streams: streamEngine,
      forkQuarantine,
      clock = systemClock,
      random = systemRandom,
      holder = 'nobody',
    } = options
    this.#engine = engine
    const outcomes = new OutcomeBatch(engine)
    this.#context = {
      engine,
      done: (job) => outcomes.done(job),
      ledger,
      quarantine: forkQuarantine && new Quarantine({ fork: forkQuarantine, log, clock, random }),
      ...{ log, clock, random, holder },
    }
    const definitions = new Definitions(engine, { clock, log })
    this.#handlers = new Handlers(this.#context, definitions)
    this.#keeper = new LeaseKeeper(this.#context)
    const publisher = openPublisher(engine, definitions, (queue) => this.#hint(queue))
    this.#schedules =
      store &&
      new Schedules({
        store,
        publish: async (tx, schedule, dueAt) => {
          const { queue, payload, options } = jobOf(schedule, dueAt)
          return (await publisher.in(tx).publish(queue, payload, options)).id
        },
        ...{ log, clock },
      })
    this.#streams =
      streamEngine && new StreamTier(streamEngine, { log, node: holder, clock, random, trace: currentTrace })
    const streams = this.#streams ?? noStreams
    this.queue = {
      ...publisher,
      ...streams.streams,
      in: (tx) => ({ ...publisher.in(tx), ...streams.in(tx) }),
      define: (name, definition) => {
        // Its handler would go without the check.
        if (this.#handlers.of(name)) throw new TenfoldError('conflict', `define('${name}') comes before its handler`)
        definitions.add(name, definition)
        return typedQueue(name, this.queue)
      },
      handle: (name, terms, handler) => this.#handlers.add(name, terms, { one: handler as never }),
      handleMany: (name, terms, handler) => this.#handlers.add(name, terms, { many: handler as never }),
      handleInThread: (name, terms, file, beside) => this.#handlers.addThread(name, terms, file, beside as never),
      schedule: (name, options) => {
        if (!this.#schedules) throw new TenfoldError('not-built', `schedule('${name}'): this queue keeps no schedules`)
        this.#schedules.add(name, options)
      },
      cancel: (name, id) => this.#cancel(name, id),
      job: (name, id) => this.#job(name, id),
    }
  }

  /** Jobs, and batches of streams, that are being handled here. */
  get inFlight(): number {
    const jobs = this.#handlers.workers.reduce((sum, { inFlight }) => sum + inFlight, 0)
    return jobs + (this.#streams?.inFlight ?? 0)
  }

  /** May be called twice, and after stop. What an earlier process of this name held is free first. */
  startWorkers(): void {
    const { workers } = this.#handlers
    this.#handlers.isOpen = false
    this.#released ??= this.#release()
    this.#watch ??= this.#engine.watch((queue) => this.#hint(queue))
    this.#keeper.start(workers)
    for (const worker of workers) worker.start(this.#released)
    this.#schedules?.start()
    this.#streams?.startReaders()
  }

  /** Takes no more jobs, aborts the signals of those under way, and hands back what is not finished in `drainMs`. */
  async stopWorkers(drainMs: number): Promise<void> {
    const others = [this.#schedules?.stop(), this.#streams?.stopReaders(drainMs)]
    await Promise.all([...others, ...this.#handlers.workers.map((worker) => worker.stop(drainMs))])
    await Promise.all([this.#handlers.closeThreads(), this.#context.quarantine?.close()])
    await this.#keeper.stop()
    const watch = this.#watch
    this.#watch = undefined
    await watch?.close()
  }

  /** What the workers here have in hand, by queue: `busy` is the share of the calls at once that they may make. */
  hands(): Array<{ queue: string; busy: number; inFlight: number }> {
    return this.#handlers.workers.map(({ queue, busy, inFlight }) => ({ queue, busy, inFlight }))
  }

  /** Runs the jobs that another process sends, which has this one as its quarantine. Instead of `startWorkers`. */
  serveQuarantine(): void {
    serveQuarantine((queue) => this.#handlers.of(queue))
  }

  depth(): ReturnType<QueueEngine['depth']> {
    return this.#engine.depth()
  }

  async #cancel(queue: string, id: string): ReturnType<Queue['cancel']> {
    const { ledger } = this.#context
    const answer = await this.#engine.cancel(queue, id)
    if (answer !== 'asked') return answer
    // Whoever runs it hears of it by the ledger, sooner than by its lease; here at once.
    await ledger?.cancels.ask(id)
    for (const job of this.#handlers.of(queue)?.held() ?? []) if (job.id === id) cancel(job)
    return answer
  }

  async #job(queue: string, id: string): ReturnType<Queue['job']> {
    const [state, progress] = await Promise.all([this.#engine.job(queue, id), this.#context.ledger?.progress.get(id)])
    return state && (progress === undefined ? state : { ...state, progress })
  }

  /** All streams there are, who reads them and how far behind they are. */
  streamStates(): Promise<StreamState[]> {
    return (this.#streams ?? noStreams).list()
  }

  #hint(queue: string): void {
    this.#handlers.of(queue)?.hint()
  }

  async #release(): Promise<void> {
    const { holder, ledger, log } = this.#context
    try {
      await Promise.all([this.#engine.release(holder), ledger?.limits.release(holder)])
    } catch (error) {
      // Its leases end by themselves.
      log.warn({ err: error, holder }, `could not free what an earlier process held: ${describeError(error)}`)
    }
  }
}
