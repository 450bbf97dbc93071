// Write-back as a process has it: appends to the engine, and stores what waits under the names that it has stores for, while
// it is told to.

import { AsyncLocalStorage } from 'node:async_hooks'
import { systemClock } from '../../../base/clock.ts'
import { TenfoldError } from '../../../base/errors.ts'
import { systemRandom } from '../../../base/random.ts'
import type { WriteBack, WriteQueue } from '../contract.ts'
import type { Store, WriteDepth, WriteEngine } from './contract.ts'
import { type WriteBackContext, type WriteBackLimits, writeBackLimits } from './options.ts'
import { StoreWorker } from './worker.ts'

type Parts = Pick<WriteBackContext, 'log'> & Partial<Omit<WriteBackContext, 'limits'>>

export class WriteBackTier implements WriteBack {
  readonly queue: WriteQueue<unknown>
  readonly #engine: WriteEngine
  readonly #context: WriteBackContext
  readonly #workers = new Map<string, StoreWorker>()
  /** Stores are in the scope of no request, whichever it was that opened them. */
  readonly #outside = AsyncLocalStorage.snapshot()
  #isStarted = false

  constructor(engine: WriteEngine, parts: Parts & { limits?: Partial<WriteBackLimits> }) {
    this.#engine = engine
    const limits = { ...writeBackLimits, ...parts.limits }
    this.#context = { clock: systemClock, random: systemRandom, ...parts, limits }
    this.queue = {
      append: async (name, write) => {
        await engine.append(name, write)
        this.#workers.get(name)?.hint(write.key)
      },
      waiting: (name, key) => engine.waiting(name, key),
    }
  }

  handle(name: string, store: Store): void {
    if (this.#workers.has(name))
      throw new TenfoldError('conflict', `write-back of ${name} is open already: open it once, in setup`)
    const worker = new StoreWorker(this.#engine, name, store, this.#context)
    this.#workers.set(name, worker)
    if (this.#isStarted) this.#outside(() => worker.start())
  }

  /** Writes that are being stored here. */
  get inFlight(): number {
    let sum = 0
    for (const worker of this.#workers.values()) sum += worker.inFlight
    return sum
  }

  /** Of the names that are stored here, in all processes together. */
  depth(): Promise<WriteDepth[]> {
    return Promise.all([...this.#workers.keys()].map((name) => this.#engine.depth(name)))
  }

  /** May be called twice, and after stop. */
  start(): void {
    this.#isStarted = true
    for (const worker of this.#workers.values()) worker.start()
  }

  /** Takes no more writes and waits for those under way; what is not stored in time is left to others. */
  async stop(drainMs: number): Promise<void> {
    this.#isStarted = false
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop(drainMs)))
  }
}
