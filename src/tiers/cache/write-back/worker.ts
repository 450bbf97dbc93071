// Stores what waits under one name: what was written in this process next, and what is found when it looks, which is what
// others have left.

import { describeError } from '../../../base/errors.ts'
import type { Store, WriteEngine } from './contract.ts'
import type { WriteBackContext } from './options.ts'
import { StoreRun } from './run.ts'
import { SeldomWarning } from './seldom-warning.ts'

export class StoreWorker {
  readonly #engine: WriteEngine
  readonly #name: string
  readonly #store: Store
  readonly #context: WriteBackContext
  /** Of the engine, by all that ask it. */
  readonly #unreached: SeldomWarning
  /** By key: of one key one write is out at a time. */
  readonly #runs = new Map<string, StoreRun>()
  readonly #hints = new Set<string>()
  #waking = new AbortController()
  #pollMs: number
  #looksAtMs = 0
  #isStopping = false
  #loop: Promise<void> | undefined

  constructor(engine: WriteEngine, name: string, store: Store, context: WriteBackContext) {
    this.#engine = engine
    this.#name = name
    this.#store = store
    this.#context = context
    this.#unreached = new SeldomWarning(context.log, context.clock)
    this.#pollMs = context.limits.pollMsMin
  }

  get inFlight(): number {
    return this.#runs.size
  }

  start(): void {
    this.#isStopping = false
    this.#looksAtMs = 0
    this.#loop ??= this.#work()
  }

  /** A write of the key waits. */
  hint(key: string): void {
    if (!this.#loop || this.#hints.size >= this.#context.limits.hintsMax) return
    this.#hints.add(key)
    this.#waking.abort()
  }

  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    this.#waking.abort()
    await this.#loop
    this.#loop = undefined
    this.#hints.clear()
    await Promise.all([...this.#runs.values()].map((run) => run.drain(drainMs)))
  }

  async #work(): Promise<void> {
    const { clock, limits } = this.#context
    while (!this.#isStopping) {
      const waking = new AbortController()
      this.#waking = waking
      // First, or writes that others have left would wait for as long as there are some of our own.
      if (this.#free > 0 && clock.monotonic() >= this.#looksAtMs) {
        const found = await this.#look(this.#free)
        this.#pollMs = found > 0 ? limits.pollMsMin : Math.min(this.#pollMs * 2, limits.pollMsMax)
        this.#looksAtMs = clock.monotonic() + this.#pollMs * (0.75 + this.#context.random.next() / 2)
      }
      this.#takeHints()
      const waitMs = this.#free > 0 ? Math.max(1, this.#looksAtMs - clock.monotonic()) : limits.pollMsMax
      // A write that came, or a run that ended, meanwhile has ended the wait already.
      if (!this.#isStopping) await clock.sleep(waitMs, waking.signal)
    }
  }

  #takeHints(): void {
    for (const key of this.#hints) {
      if (this.#free <= 0) return
      if (this.#runs.has(key)) continue // looked at again when its run ends
      this.#hints.delete(key)
      this.#begin(key)
    }
  }

  async #look(max: number): Promise<number> {
    try {
      const keys = await this.#engine.due(this.#name, max)
      for (const key of keys) if (this.#free > 0 && !this.#runs.has(key)) this.#begin(key)
      return keys.length
    } catch (error) {
      this.#unreached.warn(
        { err: error, name: this.#name },
        `could not look for waiting writes: ${describeError(error)}`,
      )
      return 0
    }
  }

  #begin(key: string): void {
    this.#hints.delete(key)
    const run = new StoreRun(this.#engine, { name: this.#name, key }, this.#store, this.#context, this.#unreached)
    this.#runs.set(key, run)
    void run.finished.then((hasNewer) => {
      this.#runs.delete(key)
      if (hasNewer) this.hint(key)
      this.#waking.abort()
    })
  }

  get #free(): number {
    return this.#context.limits.concurrency - this.#runs.size
  }
}
