// Publishes of many callers in one statement.

import { type Clock, systemClock } from '../../base/clock.ts'
import type { NewJob, Published, QueueEngine } from './contract.ts'
import { WriteBatch } from './write-batch.ts'

const batchJobsMax = 500

type Publishes = Pick<QueueEngine, 'publish' | 'pipelines'>

export class PublishBatch {
  readonly #engine: Publishes
  readonly #plain: WriteBatch<NewJob, Published>
  /** A deduplication id may have to wait for somebody's transaction that has it; the others do not wait with it. */
  readonly #named: WriteBatch<NewJob, Published>

  constructor(engine: Publishes, clock: Clock = systemClock) {
    const write = (jobs: NewJob[]) => engine.publish(jobs)
    const options = { what: 'jobs', done: 'published', batchMax: batchJobsMax, write }
    this.#engine = engine
    this.#plain = new WriteBatch(options, clock)
    this.#named = new WriteBatch(options, clock)
  }

  /**
   * Resolves when the job is durable. @throws overloaded when too many wait already; unavailable when those before it could not be
   * published.
   */
  async add(job: NewJob): Promise<Published> {
    if (this.#engine.pipelines) return (await this.#engine.publish([job]))[0] as Published
    const lane = job.options.deduplicationId === undefined ? this.#plain : this.#named
    return lane.add(job, 1, job.body.length)
  }
}
