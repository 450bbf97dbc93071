// What the relay asks of the tables of the PostgreSQL engine beside its contract (../postgres/migrations/0002-ring.sql): which
// queues have jobs there, and that a deduplication id stays taken while its job is on the server.

import type { ShardDatabase } from '../../../database/contract.ts'
import type { QueueEngine, TakenJob } from '../../contract.ts'
import type { Lease } from './leases.ts'

type Shards = readonly ShardDatabase[]

/** From one queue to the next by the index, however many jobs each has. */
const walk = (name: string, which: string) => `
${name} as (
  (select queue from tenfold.queue_jobs where ${which} order by queue limit 1)
  union all
  select (select j.queue from tenfold.queue_jobs j where ${which} and j.queue > ${name}.queue order by j.queue limit 1)
  from ${name} where ${name}.queue is not null)`
const queuesStatement = `
with recursive ${walk('due', 'run_at is null')}, ${walk('later', 'run_at is not null')}
select queue from due where queue is not null union select queue from later where queue is not null`

/** The job goes, its deduplication id stays. By id alone: it is on the server, whoever's lease it is by now. */
const handOverStatement = 'delete from tenfold.queue_jobs where id = any($1::uuid[])'

const freeStatement = 'select tenfold.free_names($1::uuid[])'

/** Jobs may be due there, or come to be. */
export async function queuesWithJobs(shards: Shards): Promise<string[]> {
  const answers = await Promise.all(shards.map((shard) => shard.query<{ queue: string }>(queuesStatement)))
  return answers.flat().map(({ queue }) => queue)
}

/** The shard that keeps the job's deduplication id, if it has one: see homeOf of that engine. */
export function uniqueAtOf({ home }: TakenJob): string | undefined {
  const [shard, , , hasId] = home.split('/')
  return hasId === '0' ? undefined : shard
}

/** Forgets jobs that are durable on the server. */
export async function handOver(postgres: QueueEngine, shards: Shards, jobs: readonly TakenJob[]): Promise<void> {
  const byShard = Map.groupBy(jobs, uniqueAtOf)
  const plain = byShard.get(undefined)
  await Promise.all([
    plain && postgres.done(plain),
    ...shards.map((shard) => {
      const its = byShard.get(shard.id)
      return its && shard.query(handOverStatement, [its.map(({ id }) => id)])
    }),
  ])
}

/** Their deduplication ids may be used again. */
export async function freeUnique(shards: Shards, held: readonly Lease[]): Promise<void> {
  const byShard = Map.groupBy(
    held.filter(({ uniqueAt }) => uniqueAt !== undefined),
    ({ uniqueAt }) => uniqueAt,
  )
  await Promise.all(
    [...byShard].map(([id, its]) =>
      shards.find((shard) => shard.id === id)?.query(freeStatement, [its.map((lease) => lease.id)]),
    ),
  )
}
