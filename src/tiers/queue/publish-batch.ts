// Publishes of many callers in one statement: while one batch is being written, the next gathers. As durable as
// one by one and ten times as fast with 64 callers, since they share a commit.
//
// While the engine is away, each batch waits for it as long as a statement may wait. Whoever stands behind such a batch would
// wait for the sum of them: 20 s each, and there may be 40. So when a batch fails because nobody answered, those who have
// waited for `pendingMsMax` by then are told so, without a turn of their own: nobody waits longer than that and one statement.

import { type Clock, systemClock } from '../../base/clock.ts'
import { describeError, type ErrorCode, isTenfoldError, TenfoldError } from '../../base/errors.ts'
import type { NewJob, Published, QueueEngine } from './contract.ts'

const batchJobsMax = 500
/** Characters of JSON, in one statement: one of more would hold up the many that are small. */
const batchLengthMax = 4 * 1024 * 1024
const pendingJobsMax = 20_000
const pendingLengthMax = 128 * 1024 * 1024
const pendingMsMax = 5000
/** The engine did not answer; whatever else went wrong says nothing of the next batch. */
const awayCodes: readonly ErrorCode[] = ['unavailable', 'timeout', 'outcome-unknown']

type Publishes = Pick<QueueEngine, 'publish' | 'pipelines'>

interface Pending {
  job: NewJob
  addedAt: number
  resolve: (published: Published) => void
  reject: (error: unknown) => void
}

export class PublishBatch {
  readonly #engine: Publishes
  readonly #plain: Lane
  /** A deduplication id may have to wait for somebody's transaction that has it; the others do not wait with it. */
  readonly #named: Lane

  constructor(engine: Publishes, clock: Clock = systemClock) {
    this.#engine = engine
    this.#plain = new Lane(engine, clock)
    this.#named = new Lane(engine, clock)
  }

  /**
   * Resolves when the job is durable. @throws overloaded when too many wait already; unavailable when those before it could not be
   * published.
   */
  async add(job: NewJob): Promise<Published> {
    if (this.#engine.pipelines) return (await this.#engine.publish([job]))[0] as Published
    return job.options.deduplicationId === undefined ? this.#plain.add(job) : this.#named.add(job)
  }
}

class Lane {
  readonly #engine: Publishes
  readonly #clock: Clock
  #pending: Pending[] = []
  /** Of what is pending. */
  #length = 0
  #isWriting = false

  constructor(engine: Publishes, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  add(job: NewJob): Promise<Published> {
    if (this.#pending.length >= pendingJobsMax || this.#length >= pendingLengthMax)
      throw new TenfoldError('overloaded', `${this.#pending.length} jobs wait to be published already`)
    return new Promise((resolve, reject) => {
      this.#pending.push({ job, addedAt: this.#clock.monotonic(), resolve, reject })
      this.#length += job.body.length
      if (!this.#isWriting) void this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#pending.length > 0) {
      const batch = this.#next()
      try {
        const published = await this.#engine.publish(batch.map(({ job }) => job))
        for (const [i, { resolve }] of batch.entries()) resolve(published[i] as Published)
      } catch (error) {
        for (const { reject } of batch) reject(error)
        if (awayCodes.some((code) => isTenfoldError(error, code))) this.#refuseLate(error)
      }
    }
    this.#isWriting = false
  }

  /** None of them was sent. */
  #refuseLate(cause: unknown): void {
    const latest = this.#clock.monotonic() - pendingMsMax
    const count = this.#pending.findIndex(({ addedAt }) => addedAt > latest)
    const late = this.#take(count < 0 ? this.#pending.length : count)
    for (const { reject } of late)
      reject(
        new TenfoldError(
          'unavailable',
          `a job waited more than ${pendingMsMax} ms to be published, and those before it could not be: ${describeError(cause)}`,
          { cause, details: { mayBeStored: false } },
        ),
      )
  }

  #next(): Pending[] {
    let [count, length] = [0, 0]
    for (const { job } of this.#pending) {
      if (count === batchJobsMax || (count > 0 && length + job.body.length > batchLengthMax)) break
      count++
      length += job.body.length
    }
    return this.#take(count)
  }

  #take(count: number): Pending[] {
    const taken = this.#pending.splice(0, count)
    for (const { job } of taken) this.#length -= job.body.length
    return taken
  }
}
