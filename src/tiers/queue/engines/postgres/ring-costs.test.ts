// What the statements of the ring may cost: which tables they go through, how many rows they count, how long they hold others up.

import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import type pg from 'pg'
import { connectAs } from '../../../../programs/postgres/testing.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { queueSql } from './testing.ts'

let database: TestDatabase
let owner: pg.Client & AsyncDisposable

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  owner = await connectAs(database.server, 'owner')
})

after(async () => {
  await owner[Symbol.asyncDispose]()
  await database.stop()
})

beforeEach(() => owner.query('delete from tenfold.queue_jobs'))

/** Answers their ids. Published so many seconds ago, each a millisecond after the one before. */
async function fill(bucket: number, count: number, { rank = 9, ageSeconds = 0 } = {}): Promise<string[]> {
  const { rows } = await owner.query<{ id: string }>(
    `insert into tenfold.queue_jobs (bucket, id, queue, body, rank)
     select $1, uuidv7(n * interval '1 ms' - $4 * interval '1 s'), 'mail', '{}', $3 from generate_series(1, $2::int) as n
     returning id`,
    [bucket, count, rank, ageSeconds],
  )
  return rows.map(({ id }) => id)
}

/** The tables whose indexes a statement reads. */
async function tablesOf(text: string, values: unknown[]): Promise<string[]> {
  // What was counted before goes to the server, and is not in the way.
  await owner.query('select pg_stat_force_next_flush()')
  await owner.query('begin')
  await owner.query(text, values)
  const { rows } = await owner.query<{ relname: string }>(
    `select relname from pg_stat_xact_all_tables where relname ~ '^queue_jobs_[0-7]$' and idx_scan > 0 order by relname`,
  )
  await owner.query('rollback')
  return rows.map(({ relname }) => relname)
}

it('ends, renewals and claims read the tables that their jobs lie in, and no other', async () => {
  for (let bucket = 0; bucket < 8; bucket++) await fill(bucket, 20)
  const ids = [...(await fill(2, 2)), ...(await fill(5, 1))]
  const jobs = [[2, 2, 5], ids, [1, 1, 1]]
  const both = ['queue_jobs_2', 'queue_jobs_5']
  assert.deepEqual(await tablesOf('select tenfold.finish_jobs($1, $2, $3)', jobs), both)
  assert.deepEqual(await tablesOf('select tenfold.finish_named_jobs($1, $2, $3)', jobs), both)
  assert.deepEqual(await tablesOf('select * from tenfold.renew_jobs($1, $2, $3, 1000)', jobs), both)
  assert.deepEqual(await tablesOf(`select tenfold.bury_jobs($1, $2, $3, '{a,b,c}')`, jobs), both)
  assert.deepEqual(await tablesOf(`select tenfold.retry_job(5::smallint, $1, 1, 0, 'a', false)`, [ids[2]]), [
    'queue_jobs_5',
  ])
  const claim = `select * from tenfold.take_jobs('mail', 3, 1000, 'r/worker-1', '{9}', $1, $2, null, $3, null)`
  const first = ['00000000-0000-0000-0000-000000000000']
  assert.deepEqual(await tablesOf(claim, [first, [2, 5], null]), both)
  assert.deepEqual(await tablesOf(claim, [first, [2, 5], 10]), both, 'also where rows are counted first')
})

it('counts jobs up to a limit beside those that are leased, says when it stopped, and knows the oldest all the same', async () => {
  await fill(0, 30, { rank: 0 })
  await fill(1, 30, { rank: 4, ageSeconds: 100 })
  // The oldest is of the last rank, in the last table, behind one that is leased.
  await fill(7, 2, { ageSeconds: 1000 })
  await owner.query(`update tenfold.queue_jobs set lease_until = now() + interval '1 h' where id in (
    select id from tenfold.queue_jobs where bucket in (0, 7) order by rank, id limit 1)
    or id = (select min(id::text)::uuid from tenfold.queue_jobs where bucket = 7)`)
  const depth = async (limit: number) => {
    const { rows } = await owner.query('select * from tenfold.job_depth($1)', [limit])
    const [{ waiting, delayed, leased, is_more, oldest_ms }] = rows
    return { counts: [waiting, delayed, leased], isMore: is_more, oldestSeconds: Math.floor(oldest_ms / 1000) }
  }
  const all = await depth(1000)
  assert.deepEqual([all.counts, all.isMore], [[60, 0, 2], false])
  const some = await depth(10)
  assert.deepEqual([some.counts, some.isMore], [[10, 0, 1], true])
  for (const { oldestSeconds } of [all, some])
    assert.ok(oldestSeconds >= 990 && oldestSeconds < 1100, `${oldestSeconds}`)
})

it('frees what a process held at the front of each line, and of keys wherever they are', async () => {
  const leased = "set lease_until = now() + interval '1 h', lease = 1, holder = 'r/worker-1'"
  const ids = [...(await fill(6, 20)), ...(await fill(1, 20)), ...(await fill(2, 20, { rank: 3 }))]
  const [first, keyed, far, ranked] = [ids[0], ids[35], ids[39], ids[40]]
  await owner.query(`update tenfold.queue_jobs ${leased} where id = any($1)`, [[first, keyed, far, ranked]])
  await owner.query(`update tenfold.queue_jobs set key = 'k' where id = $1`, [keyed])
  await owner.query(`insert into tenfold.job_keys values ('mail', 'k', $1, now() + interval '1 h')`, [keyed])
  const later = await fill(4, 3)
  await owner.query(`update tenfold.queue_jobs set run_at = now() - interval '1 s' where id = any($1)`, [later])
  await owner.query(`update tenfold.queue_jobs ${leased} where id = $1`, [later[0]])
  const held = async () => {
    const { rows } = await owner.query('select id from tenfold.queue_jobs where lease_until > now()')
    return rows.map(({ id }) => id)
  }
  const release = async (holder: string, rowsMax: number) =>
    (await owner.query('select queue from tenfold.release_jobs($1, $2)', [holder, rowsMax])).rowCount
  assert.equal(await release('r/worker-2', 1000), 0)
  assert.equal(await release('r/worker-1', 10), 4)
  assert.deepEqual(await held(), [far], 'its lease ends')
  assert.equal((await owner.query('select from tenfold.job_keys')).rowCount, 0)
  assert.equal(await release('r/worker-1', 1000), 1)
})

it('leaves a table alone that takes too long to look through, before anybody has to wait for it', async () => {
  await using reader = await connectAs(database.server, 'owner')
  await reader.query('begin isolation level repeatable read')
  await reader.query('select count(*) from pg_class')
  await fill(3, 1000)
  await owner.query('delete from tenfold.queue_jobs')
  const clear = async (lookMs: number) =>
    (await owner.query('select tenfold.clear_jobs(3, $1) as is_cleared', [lookMs])).rows[0].is_cleared
  assert.equal(await clear(0), false)
  assert.equal(await clear(60_000), true, 'the snapshot alone keeps nothing')
})
