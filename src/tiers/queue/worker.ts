// Works one queue off: takes as many jobs as it has hands free, looks again when one finishes, when somebody here
// published, or after a wait that doubles while there is nothing.

import { describeError } from '../../base/errors.ts'
import type { HandleOptions, Handler, QueueEngine } from './contract.ts'
import { JobRun } from './job-run.ts'
import { pollMsMax, pollMsMin } from './options.ts'
import type { WorkerContext } from './worker-context.ts'

export class QueueWorker {
  readonly #engine: QueueEngine
  readonly #queue: string
  readonly #handler: Handler
  readonly #options: Required<HandleOptions>
  readonly #context: WorkerContext
  readonly #runs = new Set<JobRun>()
  #waking = new AbortController()
  #pollMs = pollMsMin
  #isStopping = false
  #loop: Promise<void> | undefined

  constructor(
    engine: QueueEngine,
    queue: string,
    handler: Handler,
    options: Required<HandleOptions>,
    context: WorkerContext,
  ) {
    this.#engine = engine
    this.#queue = queue
    this.#handler = handler
    this.#options = options
    this.#context = context
  }

  get inFlight(): number {
    return this.#runs.size
  }

  /** May be called twice, and after stop. */
  start(): void {
    this.#isStopping = false
    this.#loop ??= this.#work()
  }

  /** Something may have come. */
  hint(): void {
    this.#pollMs = pollMsMin
    this.#wake()
  }

  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    this.#wake()
    await this.#loop
    this.#loop = undefined
    await Promise.all([...this.#runs].map((run) => run.drain(drainMs)))
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      const waking = new AbortController()
      this.#waking = waking
      const free = this.#options.concurrency - this.#runs.size
      const taken = free > 0 ? await this.#take(free) : 0
      this.#pollMs = taken > 0 ? pollMsMin : Math.min(this.#pollMs * 2, pollMsMax)
      // A full hand means that there may be more; a finished run wakes the loop.
      if (free > 0 && taken === free && this.#runs.size < this.#options.concurrency) continue
      if (!this.#isStopping) await this.#context.clock.sleep(this.#pollMs, waking.signal)
    }
  }

  async #take(max: number): Promise<number> {
    try {
      const jobs = await this.#engine.take({
        queue: this.#queue,
        max,
        leaseMs: this.#options.leaseMs,
        holder: this.#context.holder,
      })
      for (const job of jobs) {
        const run = new JobRun(this.#engine, job, this.#handler, this.#options, this.#context)
        this.#runs.add(run)
        void run.finished.then(() => {
          this.#runs.delete(run)
          this.#wake()
        })
      }
      return jobs.length
    } catch (error) {
      this.#context.log.warn({ err: error, queue: this.#queue }, `could not take jobs: ${describeError(error)}`)
      return 0
    }
  }

  #wake(): void {
    this.#waking.abort()
  }
}
