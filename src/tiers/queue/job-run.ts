// One job in one worker's hands, from taking it to giving it up.
//
// States: running -> done | retried | dead, or handed back when the worker drains. The lease is renewed at a third of its
// length, so that two renewals may fail before it is lost. When it is lost, the signal aborts and the job is somebody else's.

import { backoffMs } from '../../base/backoff.ts'
import { openChannel } from '../../base/channels.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import type { HandleOptions, Handler, QueueEngine, TakenJob } from './contract.ts'
import type { WorkerContext } from './worker-context.ts'

const reasonCharactersMax = 2000
const channel = openChannel('tenfold:job')

export class JobRun {
  /** Resolves when the job is off this worker's hands; never rejects. */
  readonly finished: Promise<void>
  readonly #engine: QueueEngine
  readonly #job: TakenJob
  readonly #options: Required<HandleOptions>
  readonly #context: WorkerContext
  readonly #aborting = new AbortController()
  readonly #startedAt: number
  #leaseEndsAt: number
  #isDraining = false
  #isLost = false
  #isHandedBack = false
  #isSettled = false

  constructor(
    engine: QueueEngine,
    job: TakenJob,
    handler: Handler,
    options: Required<HandleOptions>,
    context: WorkerContext,
  ) {
    this.#engine = engine
    this.#job = job
    this.#options = options
    this.#context = context
    this.#startedAt = context.clock.monotonic()
    this.#leaseEndsAt = this.#startedAt + options.leaseMs
    this.finished = this.#run(handler)
  }

  /** Aborts the job's signal, and hands the job back if it does not end in time. */
  async drain(drainMs: number): Promise<void> {
    this.#isDraining = true
    this.#aborting.abort(new TenfoldError('closed', 'the worker stops'))
    const giveUp = new AbortController()
    await Promise.race([this.finished, this.#context.clock.sleep(drainMs, giveUp.signal)])
    giveUp.abort()
    if (this.#isSettled) return
    this.#isHandedBack = true
    await this.#handBack()
  }

  async #run(handler: Handler): Promise<void> {
    const renewal = setInterval(() => void this.#renew(), this.#options.leaseMs / 3)
    try {
      await this.#handle(handler)
    } catch (error) {
      // The engine could not be told. The lease ends and the job is handed out again: at least once.
      this.#context.log.error(
        { err: error, ...this.#names },
        `the outcome of a job was not kept: ${describeError(error)}`,
      )
    } finally {
      clearInterval(renewal)
      this.#isSettled = true
    }
  }

  async #handle(handler: Handler): Promise<void> {
    const { attempt } = this.#job
    const { attemptsMax, backoff } = this.#options
    if (attempt > attemptsMax) return this.#bury(`its worker died at attempt ${attemptsMax}, the last one`)
    let failure: unknown
    try {
      await handler({ ...this.#job, signal: this.#aborting.signal })
      if (this.#isHandedBack || this.#isLost) return
      await this.#engine.done([this.#job])
      return this.#tell('done')
    } catch (error) {
      failure = error
    }
    if (this.#isHandedBack || this.#isLost) return
    if (this.#isDraining) return this.#handBack()
    const reason = describeError(failure).slice(0, reasonCharactersMax)
    this.#context.log.warn({ err: failure, ...this.#names }, `a job failed: ${reason}`)
    if (attempt >= attemptsMax) return this.#bury(reason)
    await this.#engine.retry(this.#job, backoffMs(attempt, backoff, this.#context.random), reason)
    this.#tell('retry')
  }

  async #bury(reason: string): Promise<void> {
    await this.#engine.dead(this.#job, reason)
    this.#context.log.error(this.#names, `a job is dead after ${this.#options.attemptsMax} attempts: ${reason}`)
    this.#tell('dead')
  }

  #handBack(): Promise<void> {
    return this.#engine.retry(this.#job, 0, 'the worker stopped', true)
  }

  async #renew(): Promise<void> {
    const { clock, log } = this.#context
    const askedAt = clock.monotonic()
    try {
      if ((await this.#engine.renew([this.#job], this.#options.leaseMs)).length === 0)
        this.#leaseEndsAt = askedAt + this.#options.leaseMs
      else this.#lose()
    } catch (error) {
      log.warn({ err: error, ...this.#names }, `could not renew a lease: ${describeError(error)}`)
      if (clock.monotonic() >= this.#leaseEndsAt) this.#lose()
    }
  }

  #lose(): void {
    if (this.#isLost || this.#isSettled) return
    this.#isLost = true
    this.#context.log.warn(this.#names, 'the lease of a job was lost; somebody else has it')
    this.#aborting.abort(new TenfoldError('timeout', 'the lease was lost'))
  }

  get #names(): { queue: string; job: string; attempt: number } {
    return { queue: this.#job.queue, job: this.#job.id, attempt: this.#job.attempt }
  }

  #tell(outcome: 'done' | 'retry' | 'dead'): void {
    if (!channel.hasSubscribers) return
    const { queue, attempt } = this.#job
    channel.publish({ queue, outcome, attempt, durationMs: this.#context.clock.monotonic() - this.#startedAt })
  }
}
