// The handlers that an app registered, each with the worker of its queue.

import { TenfoldError } from '../../../base/errors.ts'
import type { BesideThread, HandleManyOptions } from '../contract.ts'
import type { Definitions } from '../definitions.ts'
import { checkHandleOptions, checkQueueName } from '../options.ts'
import type { WorkerContext } from './context.ts'
import { ThreadHandler } from './threads/thread-handler.ts'
import { QueueWorker, type Work } from './worker.ts'

export class Handlers {
  /** False once workers have started: a handler that comes later would be one of this process only. */
  isOpen = true
  readonly #context: WorkerContext
  readonly #definitions: Definitions
  readonly #workers = new Map<string, QueueWorker>()
  readonly #threads: ThreadHandler[] = []

  constructor(context: WorkerContext, definitions: Definitions) {
    this.#context = context
    this.#definitions = definitions
  }

  get workers(): QueueWorker[] {
    return [...this.#workers.values()]
  }

  of(queue: string): QueueWorker | undefined {
    return this.#workers.get(queue)
  }

  /** @throws bad-input, conflict */
  add(queue: string, options: HandleManyOptions, work: Work): void {
    checkQueueName(queue)
    if (!this.isOpen)
      throw new TenfoldError('conflict', `the handler of ${queue} came after the workers had started: call it in setup`)
    if (this.#workers.has(queue)) throw new TenfoldError('conflict', `queue ${queue} has a handler already`)
    const terms = checkHandleOptions(queue, options)
    const limit = (['concurrencyMax', 'rate', 'keyRate'] as const).find((name) => terms[name] !== undefined)
    if (limit && !this.#context.ledger)
      throw new TenfoldError('not-built', `${limit} of queue ${queue} is counted in a ledger, and this queue has none`)
    this.#workers.set(queue, new QueueWorker(this.#context, queue, work, terms, this.#definitions.fitOf(queue)))
  }

  addThread(queue: string, options: HandleManyOptions, file: URL, beside: BesideThread = {}): void {
    if (!(file instanceof URL) || file.protocol !== 'file:')
      throw new TenfoldError(
        'bad-input',
        `handleInThread of ${queue} takes the URL of a file: new URL('./thumbnails.ts', import.meta.url)`,
      )
    const { concurrency } = checkHandleOptions(queue, options)
    const thread = new ThreadHandler(file, concurrency, beside)
    this.add(queue, options, { one: thread.handle })
    this.#threads.push(thread)
  }

  async closeThreads(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
