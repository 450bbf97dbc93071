// The queue inside PostgreSQL: a table on each shard, so that publishing belongs to the caller's transaction.

import { fileURLToPath } from 'node:url'
import { CompiledQuery } from 'kysely'
import { TenfoldError } from '../../../../base/errors.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { JobState, NewJob, Payload, Published, QueueEngine, TakenJob } from '../../contract.ts'
import { type DepthRow, sumByQueue } from './depth.ts'
import { homeOf, Rotation, shardFor } from './shards.ts'
import {
  cancelStatement,
  deadStatement,
  depthStatement,
  doneStatement,
  jobStatement,
  publishStatement,
  renewStatement,
  retryStatement,
  takeStatement,
} from './statements.ts'

/** SQL files of this engine, run on every shard before it is opened. */
export const postgresQueueMigrations = fileURLToPath(new URL('migrations', import.meta.url))

interface PublishedRow {
  id: string
  is_new: boolean
}

type StateRow = Pick<JobState, 'id' | 'queue' | 'state' | 'attempt' | 'publishedAt' | 'payload' | 'until'>

interface JobRow {
  id: string
  lease: string
  payload: Payload
  attempt: number
  published_at: Date
}

/** `shards` is asked at each call, since the map may change what it answers. */
export function openPostgresQueue(shards: () => readonly ShardDatabase[]): QueueEngine {
  const rotation = new Rotation()

  async function takeFrom(shard: ShardDatabase, queue: string, max: number, leaseMs: number): Promise<TakenJob[]> {
    const rows = await shard.query<JobRow>(takeStatement, [queue, max, leaseMs])
    // An UPDATE answers in no order of its own; ids are uuidv7 and so in the order of publishing.
    rows.sort((a, b) => (a.id < b.id ? -1 : 1))
    return rows.map(({ id, lease, payload, attempt, published_at }) => ({
      id,
      home: `${shard.id}/${lease}`,
      queue,
      payload,
      attempt,
      publishedAt: published_at,
      key: undefined,
      priority: 0,
      trace: undefined,
      isSuspect: false,
    }))
  }

  return {
    async publish(jobs) {
      const all = shards()
      const published: Published[] = new Array(jobs.length)
      const numbered = jobs.map((job, number) => ({ job, number }))
      const byShard = Map.groupBy(numbered, ({ job }) => shardFor(all, job.options.deduplicationId, rotation))
      await Promise.all(
        [...byShard].map(async ([shard, its]) => {
          const rows = await shard.query<PublishedRow>(publishStatement, columnsOf(its.map(({ job }) => job)))
          for (const [i, { number }] of its.entries()) published[number] = publishedOf(rows[i])
        }),
      )
      return published
    },
    async publishIn(tx, jobs) {
      const { rows } = await tx.getExecutor().executeQuery(CompiledQuery.raw(publishStatement, columnsOf(jobs)))
      return (rows as PublishedRow[]).map(publishedOf)
    },
    async take({ queue, max, leaseMs }) {
      const taken: TakenJob[] = []
      for (const shard of rotation.of(shards())) {
        if (taken.length >= max) break
        taken.push(...(await takeFrom(shard, queue, max - taken.length, leaseMs)))
      }
      return taken
    },
    async renew(jobs, leaseMs) {
      const all = shards()
      const kept = await Promise.all(
        jobs.map(async (job) => {
          const { shard, lease } = homeOf(job, all)
          return (await shard.query(renewStatement, [job.id, lease, leaseMs])).length === 1
        }),
      )
      return jobs.flatMap((job, i) => (kept[i] ? [] : [{ job, why: 'lost' as const }]))
    },
    async done(jobs) {
      const all = shards()
      const homes = jobs.map((job) => ({ id: job.id, ...homeOf(job, all) }))
      const byShard = Map.groupBy(homes, ({ shard }) => shard)
      await Promise.all(
        [...byShard].map(([shard, its]) =>
          shard.query(doneStatement, [its.map(({ id }) => id), its.map(({ lease }) => lease)]),
        ),
      )
    },
    async retry(job, delayMs, reason, refund = false) {
      const { shard, lease } = homeOf(job, shards())
      await shard.query(retryStatement, [job.id, lease, delayMs, reason, refund ? 1 : 0])
    },
    async dead(job, reason) {
      const { shard, lease } = homeOf(job, shards())
      await shard.query(deadStatement, [job.id, lease, reason])
    },
    async release() {
      return 0
    },
    async cancel(queue, id) {
      const answers = await Promise.all(shards().map((shard) => shard.query(cancelStatement, [queue, id])))
      return answers.flat().length > 0 ? 'canceled' : 'unknown'
    },
    async job(queue, id) {
      const answers = await Promise.all(shards().map((shard) => shard.query<StateRow>(jobStatement, [queue, id])))
      const [row] = answers.flat()
      return row && { ...row, ...{ key: undefined, priority: 0, trace: undefined, holder: undefined, failures: [] } }
    },
    async depth() {
      const answers = await Promise.all(shards().map((shard) => shard.query<DepthRow>(depthStatement)))
      return sumByQueue(answers.flat())
    },
    watch() {
      return { async close() {} }
    },
    async close() {},
  }
}

function columnsOf(jobs: readonly NewJob[]): unknown[] {
  return [
    jobs.map((job) => job.queue),
    jobs.map((job) => job.body),
    jobs.map((job) => job.options.delayMs ?? 0),
    jobs.map((job) => job.options.deduplicationId ?? null),
  ]
}

function publishedOf(row: PublishedRow | undefined): Published {
  if (!row) throw new TenfoldError('outcome-unknown', 'a publish was answered with too few rows')
  return { id: row.id, isNew: row.is_new }
}
