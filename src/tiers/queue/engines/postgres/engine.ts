// The queue inside PostgreSQL: a table on each shard, so that publishing belongs to the caller's transaction.

import { fileURLToPath } from 'node:url'
import { type QueryExecutorProvider, sql } from 'kysely'
import { TenfoldError } from '../../../../base/errors.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { Payload, PublishOptions, QueueEngine, TakenJob } from '../../contract.ts'
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
  let next = 0

  function shardOf(job: TakenJob): { shard: ShardDatabase; lease: string } {
    const [id, lease = ''] = job.home.split('/')
    const shard = shards().find((candidate) => candidate.id === id)
    if (!shard) throw new TenfoldError('unavailable', `job ${job.id} lives on shard ${id}, which the map does not have`)
    return { shard, lease }
  }

  /** One id always goes to one shard, or its second job would not meet the first. */
  function shardFor(deduplicationId: string | undefined): ShardDatabase {
    const all = shards()
    const index = deduplicationId === undefined ? next++ : sumOf(deduplicationId)
    const shard = all[index % all.length]
    if (!shard) throw new TenfoldError('unavailable', 'the map has no shard to keep jobs on')
    return shard
  }

  async function takeFrom(shard: ShardDatabase, queue: string, max: number, leaseMs: number): Promise<TakenJob[]> {
    const rows = await shard.query<JobRow>(takeStatement, [queue, max, leaseMs], { name: 'tenfold_queue_take' })
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
      const byShard = new Map<ShardDatabase, typeof jobs>()
      for (const job of jobs) {
        const shard = shardFor(job.options.deduplicationId)
        byShard.set(shard, [...(byShard.get(shard) ?? []), job])
      }
      await Promise.all([...byShard].map(([shard, its]) => shard.query(publishStatement, columnsOf(its))))
    },
    async publishIn(tx, queue, payload, options) {
      await insertInto(tx, queue, payload, options)
    },
    async take(queue, max, leaseMs) {
      const all = shards()
      const start = next++
      const taken: TakenJob[] = []
      for (let i = 0; i < all.length && taken.length < max; i++) {
        const shard = all[(start + i) % all.length] as ShardDatabase
        taken.push(...(await takeFrom(shard, queue, max - taken.length, leaseMs)))
      }
      return taken
    },
    async renew(job, leaseMs) {
      const { shard, lease } = shardOf(job)
      return (await shard.query(renewStatement, [job.id, lease, leaseMs])).length === 1
    },
    async done(jobs) {
      const byShard = new Map<ShardDatabase, { ids: string[]; leases: string[] }>()
      for (const job of jobs) {
        const { shard, lease } = shardOf(job)
        const finished = byShard.get(shard) ?? { ids: [], leases: [] }
        finished.ids.push(job.id)
        finished.leases.push(lease)
        byShard.set(shard, finished)
      }
      await Promise.all(
        [...byShard].map(([shard, { ids, leases }]) =>
          shard.query(doneStatement, [ids, leases], { name: 'tenfold_queue_done' }),
        ),
      )
    },
    async retry(job, delayMs, reason, refund = false) {
      const { shard, lease } = shardOf(job)
      await shard.query(retryStatement, [job.id, lease, delayMs, reason, refund ? 1 : 0])
    },
    async dead(job, reason) {
      const { shard, lease } = shardOf(job)
      await shard.query(deadStatement, [job.id, lease, reason])
    },
    async depth() {
      const answers = await Promise.all(shards().map((shard) => shard.query<DepthRow>(depthStatement)))
      const byQueue = new Map<string, Depth>()
      for (const { queue, waiting, leased, dead, oldest_ms } of answers.flat()) {
        const sum = byQueue.get(queue) ?? { queue, waiting: 0, leased: 0, dead: 0, oldestMs: 0 }
        sum.waiting += waiting
        sum.leased += leased
        sum.dead += dead
        sum.oldestMs = Math.max(sum.oldestMs, oldest_ms)
        byQueue.set(queue, sum)
      }
      return [...byQueue.values()].sort((a, b) => (a.queue < b.queue ? -1 : 1))
    },
    async close() {},
  }
}

type Depth = Awaited<ReturnType<QueueEngine['depth']>>[number]
type DepthRow = Omit<Depth, 'oldestMs'> & { oldest_ms: number }

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

function sumOf(text: string): number {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0
  return sum
}
