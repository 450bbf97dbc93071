// The queue inside PostgreSQL: a table on each shard, so that publishing belongs to the caller's transaction.

import { fileURLToPath } from 'node:url'
import { type QueryExecutorProvider, sql } from 'kysely'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { Payload, PublishOptions, QueueEngine, TakenJob } from '../../contract.ts'
import { type DepthRow, sumByQueue } from './depth.ts'
import { homeOf, Rotation, shardFor } from './shards.ts'
import {
  deadStatement,
  depthStatement,
  doneStatement,
  publishStatement,
  renewStatement,
  retryStatement,
  takeStatement,
} from './statements.ts'

/** SQL files of this engine, run on every shard before it is opened. */
export const postgresQueueMigrations = fileURLToPath(new URL('migrations', import.meta.url))

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
    }))
  }

  return {
    async publish(jobs) {
      const all = shards()
      const byShard = Map.groupBy(jobs, ({ options }) => shardFor(all, options.deduplicationId, rotation))
      await Promise.all([...byShard].map(([shard, its]) => shard.query(publishStatement, columnsOf(its))))
    },
    async publishIn(tx, queue, payload, options) {
      await insertInto(tx, queue, payload, options)
    },
    async take(queue, max, leaseMs) {
      const taken: TakenJob[] = []
      for (const shard of rotation.of(shards())) {
        if (taken.length >= max) break
        taken.push(...(await takeFrom(shard, queue, max - taken.length, leaseMs)))
      }
      return taken
    },
    async renew(job, leaseMs) {
      const { shard, lease } = homeOf(job, shards())
      return (await shard.query(renewStatement, [job.id, lease, leaseMs])).length === 1
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
    async depth() {
      const answers = await Promise.all(shards().map((shard) => shard.query<DepthRow>(depthStatement)))
      return sumByQueue(answers.flat())
    },
    async close() {},
  }
}

function columnsOf(jobs: Parameters<QueueEngine['publish']>[0]): unknown[] {
  return [
    jobs.map((job) => job.queue),
    jobs.map((job) => JSON.stringify(job.payload)),
    jobs.map((job) => job.options.delayMs ?? 0),
    jobs.map((job) => job.options.deduplicationId ?? null),
  ]
}

async function insertInto(
  tx: QueryExecutorProvider,
  queue: string,
  payload: Payload,
  options: PublishOptions,
): Promise<void> {
  const { delayMs = 0, deduplicationId = null } = options
  await sql`
    insert into tenfold.jobs (queue, payload, run_at, deduplication_id)
    values (${queue}, ${JSON.stringify(payload)}::jsonb, now() + ${delayMs}::float8 * interval '1 ms', ${deduplicationId})
    on conflict (queue, deduplication_id) where deduplication_id is not null do nothing`.execute(tx)
}
