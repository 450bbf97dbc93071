// Jobs with a key. PostgreSQL has them from their publish to their end, on this rung as on those below it: a cluster of 2.9
// forgets jobs when its leaders change (mender.ts), so that it can promise no order; and what is all in one place keeps its order
// also while a system climbs, and among jobs of transactions and others.
//
// PostgreSQL is asked for them when there may be some, since most queues have none: when somebody hinted, or one was handed
// back or ended here, and else after a pause that doubles while it has none.

import { withTimeout } from '../../../../base/limits.ts'
import type { QueueEngine, TakenJob, TakeRequest } from '../../contract.ts'
import { isReply } from './inbox.ts'

const pauseMsMin = 50
const pauseMsMax = 1000
/** A database that takes longer keeps nobody from the jobs that the servers have. */
const answerMsMax = 3000

type Take = (request: TakeRequest) => Promise<TakenJob[]>

/** A job of the servers lives where its message wants to hear what became of it. */
export function byPlace(jobs: readonly TakenJob[]): { inPostgres: TakenJob[]; onServers: TakenJob[] } {
  const place = ({ home }: TakenJob) => (isReply(home) ? 'onServers' : 'inPostgres')
  const { inPostgres = [], onServers = [] } = Object.groupBy(jobs, place)
  return { inPostgres, onServers }
}

export class KeyedJobs {
  readonly #postgres: QueueEngine
  readonly #again: (queue: string) => void
  /** By queue. */
  readonly #pauses = new Map<string, { until: number; ms: number }>()
  readonly #wereFirst = new Set<string>()
  /** After a failure, whatever is hinted. */
  #notBefore = Number.NEGATIVE_INFINITY
  #othersAnswer = true

  /** `again`: the other place was not asked, and may have some. */
  constructor(postgres: QueueEngine, again: (queue: string) => void) {
    this.#postgres = postgres
    this.#again = again
  }

  /** There may be some. */
  hint(queue: string): void {
    this.#pauses.delete(queue)
  }

  /**
   * By turns, so that neither they nor the others are kept waiting. What the first place has is answered without the second:
   * leases run while brokers do not answer. Throws when neither has anything and one failed.
   */
  async takeBeside(request: TakeRequest, takeOthers: Take): Promise<TakenJob[]> {
    let failure: { error: unknown } | undefined
    const ask = async (take: Take): Promise<TakenJob[]> => {
      try {
        return await take(request)
      } catch (error) {
        failure = { error }
        return []
      }
    }
    const askOthers = async () => {
      const failed = failure
      const taken = await ask(takeOthers)
      this.#othersAnswer = failure === failed
      return taken
    }
    const areFirst = this.#takesTurn(request.queue) || !this.#othersAnswer
    const askOwn = () => ask((its) => this.#take(its))
    const [first, second] = areFirst ? [askOwn, askOthers] : [askOthers, askOwn]
    const taken = await first()
    if (taken.length > 0) {
      this.#again(request.queue)
      return taken
    }
    const rest = await second()
    if (failure && rest.length === 0) throw failure.error
    return rest
  }

  async done(jobs: readonly TakenJob[]): Promise<void> {
    if (jobs.length > 0) await this.#postgres.done(jobs)
    for (const { queue } of jobs) this.hint(queue)
  }

  async retry(job: TakenJob, delayMs: number, reason: string, refund: boolean): Promise<void> {
    await this.#postgres.retry(job, delayMs, reason, refund)
    this.hint(job.queue)
  }

  async dead(job: TakenJob, reason: string): Promise<void> {
    await this.#postgres.dead(job, reason)
    this.hint(job.queue)
  }

  #takesTurn(queue: string): boolean {
    if (this.#wereFirst.delete(queue)) return false
    this.#wereFirst.add(queue)
    return true
  }

  async #take(request: TakeRequest): Promise<TakenJob[]> {
    const { queue, max } = request
    const now = performance.now()
    const pause = this.#pauses.get(queue)
    if (now < Math.max(pause?.until ?? 0, this.#notBefore)) return []
    const ms = pause ? Math.min(2 * pause.ms, pauseMsMax) : pauseMsMin
    // Before the answer, so that a hint that comes meanwhile is not lost.
    this.#pauses.set(queue, { until: now + ms, ms })
    const taking = this.#postgres.take({ ...request, only: 'keyed' })
    try {
      const jobs = await withTimeout(taking, answerMsMax, 'the look for jobs with a key')
      if (jobs.length === max) this.hint(queue)
      return jobs
    } catch (error) {
      this.#notBefore = performance.now() + pauseMsMax
      taking.then((jobs) => this.#handBack(jobs)).catch(() => {})
      throw error
    }
  }

  /** They came too late. A suspect stays one: its lease ends without a word. */
  async #handBack(jobs: readonly TakenJob[]): Promise<void> {
    const back = (job: TakenJob) =>
      job.isSuspect ? this.#postgres.renew([job], 1) : this.#postgres.retry(job, 0, 'it was taken too late', true)
    await Promise.allSettled(jobs.map(back))
  }
}
