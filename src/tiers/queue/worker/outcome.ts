// What becomes of a job whose run has ended, and how the engine hears of it.
//
//   resolved                          -> done
//   rejected, the worker drains       -> handed back, and the attempt does not count
//   rejected, it was canceled         -> done: nobody wants it any more
//   rejected, or its time was over    -> again after a backoff; dead after the last attempt
//   rejected by its payload's schema  -> dead at once: no attempt would help
//   its lease was lost                -> nothing: it is somebody else's

import { backoffMs } from '../../../base/backoff.ts'
import { describeError } from '../../../base/errors.ts'
import type { HandleTerms } from '../options.ts'
import type { WorkerContext } from './context.ts'
import type { HeldJob } from './held-job.ts'
import { QuarantineDeath } from './quarantine/death.ts'
import { tellJob } from './tell.ts'

const reasonCharactersMax = 2000

/** How a run ended: with `reason`, or well. */
export type RunEnd = { isFine: true } | { isFine: false; reason: unknown; isHopeless?: boolean }

export class Outcomes {
  readonly #context: WorkerContext
  readonly #terms: HandleTerms

  constructor(context: WorkerContext, terms: HandleTerms) {
    this.#context = context
    this.#terms = terms
  }

  /** Resolves when the engine knows; never rejects. Undefined: there is nothing to say. */
  of(job: HeldJob, end: RunEnd): Promise<void> | undefined {
    if (job.abortedWhy === 'lost') return undefined
    if (end.isFine) {
      tellJob('done', job, { durationMs: this.#durationOf(job) })
      return this.#kept(job, this.#context.done(job.taken))
    }
    if (job.abortedWhy === 'canceled') {
      tellJob('canceled', job)
      return this.#kept(job, this.#context.done(job.taken))
    }
    if (job.abortedWhy === 'draining') return this.handBack(job)
    return this.#kept(job, this.#failed(job, end.reason, end.isHopeless === true))
  }

  handBack(job: HeldJob, delayMs = 0, reason = 'the worker stopped'): Promise<void> {
    tellJob('handed-back', job)
    const { engine } = this.#context
    // Handed back with a word it would run beside others the next time. A lease that ends by then says nothing.
    if (job.taken.isSuspect) return this.#kept(job, engine.renew([job.taken], Math.max(1, Math.ceil(delayMs))))
    return this.#kept(job, engine.retry(job.taken, delayMs, reason, true))
  }

  async #failed(job: HeldJob, cause: unknown, isHopeless: boolean): Promise<void> {
    const { engine, log, random } = this.#context
    const { attemptsMax, backoff } = this.#terms
    const reason = storable(describeError(cause))
    const names = { queue: job.queue, job: job.id, attempt: job.attempt }
    tellJob('failed', job, { reason, durationMs: this.#durationOf(job) })
    if (isHopeless || job.attempt >= attemptsMax) {
      await engine.dead(job.taken, reason)
      tellJob('dead', job, { reason })
      return log.error(names, `a job is dead after ${job.attempt} attempts: ${reason}`)
    }
    const delayMs = Math.ceil(backoffMs(job.attempt, backoff, random))
    log.warn({ err: cause, ...names }, `a job failed: ${reason}`)
    // What killed its process stays suspect: nobody says a word, and its lease ends with the backoff.
    if (cause instanceof QuarantineDeath) await engine.renew([job.taken], Math.max(1, delayMs))
    else await engine.retry(job.taken, delayMs, reason)
    tellJob('retried', job, { reason, delayMs })
  }

  async #kept(job: HeldJob, outcome: Promise<unknown>): Promise<void> {
    try {
      await outcome
    } catch (error) {
      // The engine could not be told. The lease ends and the job is handed out again: at least once.
      const names = { queue: job.queue, job: job.id, attempt: job.attempt }
      this.#context.log.error({ err: error, ...names }, `the outcome of a job was not kept: ${describeError(error)}`)
    }
  }

  #durationOf({ startedAt }: HeldJob): number {
    return startedAt === 0 ? 0 : this.#context.clock.monotonic() - startedAt
  }
}

/** No database stores \0 or half a surrogate pair, and a job whose reason is refused would never be retried, nor dead. */
function storable(reason: string): string {
  return reason.slice(0, reasonCharactersMax).replaceAll('\0', '\ufffd').toWellFormed()
}
