// Jobs with a key. PostgreSQL has them from their publish to their end, on this rung as on those below it: a cluster of 2.9
// forgets jobs when its leaders change (mender.ts), so that it can promise no order; and what is all in one place keeps its order
// also while a system climbs, and among jobs of transactions and others.
//
// PostgreSQL is asked for them when there may be some, since most queues have none: when somebody hinted, and else after a
// pause that doubles while it has none.

import { withTimeout } from '../../../../base/limits.ts'
import type { QueueEngine, TakenJob, TakeRequest } from '../../contract.ts'

const pauseMsMin = 50
const pauseMsMax = 1000
/** A database that takes longer keeps nobody from the jobs that the servers have. */
const answerMsMax = 3000

interface Pause {
  until: number
  ms: number
}

export class KeyedJobs {
  readonly #postgres: Pick<QueueEngine, 'take' | 'retry' | 'renew'>
  /** By queue. */
  readonly #pauses = new Map<string, Pause>()
  readonly #wereFirst = new Set<string>()
  /** After a failure, whatever is hinted. */
  #notBefore = Number.NEGATIVE_INFINITY

  constructor(postgres: Pick<QueueEngine, 'take' | 'retry' | 'renew'>) {
    this.#postgres = postgres
  }

  /** There may be some. */
  hint(queue: string): void {
    this.#pauses.delete(queue)
  }

  /** Every second time, so that neither they nor the others keep the others waiting. */
  areFirst(queue: string): boolean {
    if (this.#wereFirst.delete(queue)) return false
    this.#wereFirst.add(queue)
    return true
  }

  /** None while there is no reason to ask. @throws what that engine throws; timeout */
  async take(request: TakeRequest): Promise<TakenJob[]> {
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
    await Promise.allSettled(
      jobs.map((job) =>
        job.isSuspect ? this.#postgres.renew([job], 1) : this.#postgres.retry(job, 0, 'it was taken too late', true),
      ),
    )
  }
}
