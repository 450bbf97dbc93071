// Where jobs are published: checked, serialised once, and gathered with those of other callers into one statement.

import type { QueryExecutorProvider } from 'kysely'
import { TenfoldError } from '../../base/errors.ts'
import { currentTrace } from '../../base/trace.ts'
import type { NewJob, Payload, Published, Publisher, PublishOptions, QueueEngine } from './contract.ts'
import type { Definitions } from './definitions.ts'
import { checkJob, noOptions, publishManyMax } from './options.ts'
import { PublishBatch } from './publish-batch.ts'
import { tellJob } from './worker/tell.ts'

export function openPublisher(
  engine: QueueEngine,
  definitions: Definitions,
  hint: (queue: string) => void,
): Publisher & { in(tx: QueryExecutorProvider): Publisher } {
  const batch = new PublishBatch(engine)
  const alone = (job: NewJob) => batch.add(job)
  const many = (jobs: readonly NewJob[]) => engine.publish(jobs)
  return {
    ...publisherOf(definitions, hint, alone, many, false),
    // Told before the commit, which nobody hears of: the worker looks often for a moment.
    in: (tx) => {
      const inside = (jobs: readonly NewJob[]) => engine.publishIn(tx, jobs)
      return publisherOf(definitions, hint, async (job) => (await inside([job]))[0] as Published, inside, true)
    },
  }
}

function publisherOf(
  definitions: Definitions,
  hint: (queue: string) => void,
  publishOne: (job: NewJob) => Promise<Published>,
  publishMany: (jobs: readonly NewJob[]) => Promise<Published[]>,
  isInTransaction: boolean,
): Publisher {
  /** With its schema, which may take a while. */
  async function checked(queue: string, payload: Payload, options: PublishOptions): Promise<NewJob> {
    const job = traced(checkJob(queue, payload, options))
    // As its handler will get it: a Date is text by then.
    await definitions.fitOf(queue)?.(JSON.parse(job.body))
    return job
  }
  return {
    async publish(queue, payload, options = noOptions) {
      const job = definitions.fitOf(queue)
        ? await checked(queue, payload, options)
        : traced(checkJob(queue, payload, options))
      const admitted = definitions.admit(queue, 1, isInTransaction)
      if (admitted) await admitted
      const published = await publishOne(job)
      tell(queue, published)
      hint(queue)
      return published
    },
    async publishMany(queue, jobs) {
      if (jobs.length > publishManyMax)
        throw new TenfoldError('too-large', `publishMany takes ${publishManyMax} jobs at most, got ${jobs.length}`)
      const checkedJobs: NewJob[] = []
      for (const { payload, ...options } of jobs) checkedJobs.push(await checked(queue, payload, options))
      if (jobs.length === 0) return []
      await definitions.admit(queue, jobs.length, isInTransaction)
      const published = await publishMany(checkedJobs)
      for (const each of published) tell(queue, each)
      hint(queue)
      return published
    },
  }
}

function tell(queue: string, { id, isNew }: Published): void {
  if (isNew) tellJob('published', { queue, id, attempt: 0, trace: currentTrace() })
}

function traced(job: NewJob): NewJob {
  const trace = currentTrace()
  if (trace !== undefined) job.trace = trace
  return job
}
