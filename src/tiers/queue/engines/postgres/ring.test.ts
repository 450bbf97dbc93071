// What only this engine can break: tables that are emptied beside publishes, claims that go on from a place in the line
// while transactions commit late, turns of keys, the move from the former release's table, and wake-ups.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type pg from 'pg'
import { waitUntil } from '../../../../base/limits.ts'
import { seededRandom } from '../../../../base/random.ts'
import { connectAs } from '../../../../programs/postgres/testing.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import { openDatabase } from '../../../database/database.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import type { NewJob, QueueEngine, TakenJob } from '../../contract.ts'
import { OutcomeBatch } from '../../outcome-batch.ts'
import { PublishBatch } from '../../publish-batch.ts'
import { openPostgresQueue } from './engine.ts'
import { sweep } from './housekeeping.ts'
import { queueSql } from './testing.ts'

const timeoutMs = 20_000
const leaseMs = 60_000
const holder = 'r/worker-1'

describe('the ring of tables', () => {
  let database: TestDatabase
  let engine: QueueEngine
  let owner: pg.Client & AsyncDisposable
  const shards = () => database.db.shards()
  const newName = () => `ring.${randomUUID()}`
  const job = (queue: string, n: number, options: NewJob['options'] = {}): NewJob => ({
    queue,
    body: JSON.stringify({ n }),
    options,
  })
  const take = (queue: string, max = 100) => engine.take({ queue, max, leaseMs, holder })
  const numbersOf = (jobs: readonly TakenJob[]) => jobs.map(({ payload }) => payload['n'])
  const found = (queue: string, max = 100) =>
    waitUntil(
      async () => {
        const jobs = await take(queue, max)
        return jobs.length > 0 ? jobs : undefined
      },
      { what: 'jobs', timeoutMs },
    )
  /** The numbers of the jobs taken, at least so many. */
  const takeAndEnd = async (from: QueueEngine, queue: string, count: number) => {
    const seen: unknown[] = []
    const some = async () => {
      const jobs = await from.take({ queue, max: 50, leaseMs, holder })
      await from.done(jobs)
      return seen.push(...numbersOf(jobs)) >= count
    }
    await waitUntil(some, { what: `${count} jobs`, timeoutMs })
    return seen
  }
  const clear = async (nr: number) =>
    (await owner.query('select tenfold.clear_jobs($1, $2) as is_cleared', [nr, timeoutMs])).rows[0]
      .is_cleared as boolean
  const sizeOf = async (nr: number) =>
    Number(
      (await owner.query('select pg_relation_size($1::regclass) as size', [`tenfold.queue_jobs_${nr}`])).rows[0].size,
    )

  before(async () => {
    database = await startTestDatabase({ sql: await queueSql() })
    engine = openPostgresQueue(shards)
    owner = (await connectAs(database.server, 'owner')) as never
  })
  after(async () => {
    await owner[Symbol.asyncDispose]()
    await engine.close()
    await database.stop()
  })

  it('a table is emptied when nothing is left in it, and not while a job waits or is about to be committed', async () => {
    const queue = newName()
    await engine.publish([job(queue, 1), job(queue, 2)])
    const { rows } = await owner.query('select distinct bucket from tenfold.queue_jobs where queue = $1', [queue])
    const nr = rows[0].bucket as number
    const [first, second] = await found(queue)
    await engine.done([first as TakenJob])
    assert.equal(await clear(nr), false, 'one is left, leased')
    let cleared: boolean | undefined
    await database.db.slot(1).transaction(async (tx) => {
      await engine.publishIn(tx, [job(queue, 3)])
      await engine.done([second as TakenJob])
      cleared = await clear(nr)
    })
    assert.equal(cleared, false, 'one was about to be committed')
    const [third] = await found(queue)
    assert.deepEqual(third?.payload, { n: 3 })
    await engine.done([third as TakenJob])
    await waitUntil(async () => (await clear(nr)) || (await sizeOf(nr)) === 0, { what: 'an empty table', timeoutMs })
    assert.equal(await sizeOf(nr), 0)
  })

  it('loses no job while the table that is published to is emptied again and again', async () => {
    await owner.query('delete from tenfold.queue_jobs')
    const queue = newName()
    const [waves, each] = [8, 40]
    let isOver = false
    let times = 0
    const clearing = (async () => {
      while (!isOver) for (let nr = 0; nr < 8; nr++) times += Number(await clear(nr))
    })()
    const seen: unknown[] = []
    for (let wave = 0; wave < waves; wave++) {
      const before = times
      const publishing = Array.from({ length: each }, (_, i) => {
        const jobs = [job(queue, wave * each + i)]
        if (i % 3) return engine.publish(jobs)
        return database.db.slot(i).transaction((tx) => engine.publishIn(tx, jobs))
      })
      seen.push(...(await takeAndEnd(engine, queue, each)))
      await Promise.all(publishing)
      await waitUntil(() => times > before, { what: 'an emptied table', timeoutMs })
    }
    isOver = true
    await clearing
    assert.equal(new Set(seen).size, waves * each)
    assert.equal(seen.length, waves * each)
  })

  it('finds what commits late, behind jobs that were taken before, once', async () => {
    const queue = newName()
    const random = seededRandom(7)
    const total = 120
    const seen: unknown[] = []
    const late = Array.from({ length: 12 }, (_, k) =>
      database.db.slot(k).transaction(async (tx) => {
        await engine.publishIn(tx, [job(queue, total + k)])
        await new Promise((resolve) => setTimeout(resolve, random.next() * 1500))
      }),
    )
    // Others publish and take meanwhile, so that the place in line goes past the open ones.
    for (let n = 0; n < total; n++) {
      await engine.publish([job(queue, n)])
      if (n % 4 === 0) seen.push(...numbersOf(await take(queue)))
    }
    await Promise.all(late)
    await waitUntil(
      async () => {
        seen.push(...numbersOf(await take(queue)))
        return seen.length >= total + late.length
      },
      { what: 'those that committed late', timeoutMs },
    )
    assert.equal(new Set(seen).size, total + late.length)
    assert.equal(seen.length, total + late.length)
  })

  it('a claim goes on where the last one ended, and comes back for a lease that ended', async () => {
    const queue = newName()
    await engine.publish(Array.from({ length: 50 }, (_, n) => job(queue, n)))
    const dying = await engine.take({ queue, max: 5, leaseMs: 1500, holder: 'r/worker-2' })
    const rest = await take(queue, 45)
    assert.deepEqual(
      numbersOf([...dying, ...rest]),
      Array.from({ length: 50 }, (_, n) => n),
    )
    // Long ago by the ids: only the look along the line can find them again.
    const seen: TakenJob[] = []
    await waitUntil(async () => seen.push(...(await take(queue))) >= 5, { what: 'the leases’ end', timeoutMs })
    assert.deepEqual(numbersOf(seen), [0, 1, 2, 3, 4])
    assert.ok(seen.every(({ isSuspect, attempt }) => isSuspect && attempt === 2))
  })

  it('writes no index when jobs are leased', async () => {
    const queue = newName()
    await engine.publish(Array.from({ length: 500 }, (_, n) => job(queue, n)))
    const counts = async () => {
      const { rows } = await owner.query(
        `select sum(n_tup_upd)::int as all, sum(n_tup_hot_upd)::int as hot from pg_stat_all_tables where relname like 'queue_jobs_%'`,
      )
      return rows[0] as { all: number; hot: number }
    }
    const before = await counts()
    // Its sessions end with it, and give the server their counts.
    const router = await database.openRouter()
    const own = openDatabase(router)
    const there = openPostgresQueue(() => own.shards())
    const jobs = await there.take({ queue, max: 500, leaseMs, holder })
    await there.close()
    await router.stop()
    const now = await waitUntil(
      async () => {
        const counted = await counts()
        return counted.all - before.all >= 500 ? counted : undefined
      },
      { what: 'the server’s counts', timeoutMs },
    )
    assert.ok(now.hot - before.hot >= 500, `${now.hot - before.hot} of ${now.all - before.all}`)
    await engine.done(jobs)
  })

  it('a job that commits late waits while a later one of its key is being handled', async () => {
    const queue = newName()
    const key = 'user-1'
    let taken: TakenJob[] = []
    await database.db.slot(2).transaction(async (tx) => {
      await engine.publishIn(tx, [job(queue, 1, { key })])
      await engine.publish([job(queue, 2, { key })])
      taken = await found(queue)
    })
    assert.deepEqual(numbersOf(taken), [2])
    for (let i = 0; i < 5; i++) assert.deepEqual(await take(queue), [], 'its key’s turn is another’s')
    await engine.done(taken)
    assert.deepEqual(numbersOf(await found(queue)), [1])
  })

  it('a long line of one key keeps nobody else waiting, and goes on in its order', async () => {
    const queue = newName()
    await engine.publish(Array.from({ length: 3000 }, (_, n) => job(queue, n, { key: 'hot' })))
    await engine.publish([job(queue, 5000, { key: 'other' }), job(queue, 5001)])
    const others: unknown[] = []
    const hot: unknown[] = []
    await waitUntil(
      async () => {
        const jobs = await take(queue, 10)
        for (const each of jobs) (each.key === 'hot' ? hot : others).push(each.payload['n'])
        assert.ok(jobs.filter(({ key }) => key === 'hot').length <= 1)
        await engine.done(jobs)
        return hot.length >= 20 && others.length === 2
      },
      { what: 'the others', timeoutMs },
    )
    assert.deepEqual(
      hot,
      Array.from({ length: hot.length }, (_, n) => n),
    )
  })

  it('takes over the former release’s table: all but what one of its workers holds, until that lets go', async () => {
    const queue = newName()
    const old = (n: number, columns = '', values = '') =>
      owner.query(`insert into tenfold.jobs (queue, payload${columns}) values ($1, $2${values})`, [
        queue,
        JSON.stringify({ n }),
      ])
    await old(1)
    await old(2, ', lease, attempt, run_at', `, gen_random_uuid(), 1, now() + interval '1 hour'`)
    await old(3, ', lease, attempt, run_at', `, gen_random_uuid(), 2, now() - interval '1 second'`)
    await old(4, ', dead_at, reason, attempt', `, now(), 'it never works', 8`)
    await old(5, ', deduplication_id', `, 'order-5'`)
    await sweep(shards())
    const jobs = await found(queue)
    assert.deepEqual(numbersOf(jobs).toSorted(), [1, 3, 5])
    const three = jobs.find(({ payload }) => payload['n'] === 3)
    assert.deepEqual([three?.attempt, three?.isSuspect], [3, true])
    const [again] = await engine.publish([job(queue, 6, { deduplicationId: 'order-5' })])
    assert.equal(again?.isNew, false)
    assert.equal(
      (await owner.query('select reason from tenfold.dead_jobs where queue = $1', [queue])).rows[0].reason,
      'it never works',
    )
    assert.equal((await owner.query('select from tenfold.jobs where queue = $1', [queue])).rowCount, 1)
    await owner.query('update tenfold.jobs set lease = null, run_at = now() where queue = $1', [queue])
    await sweep(shards())
    assert.deepEqual(numbersOf(await found(queue)), [2])
  })

  it('a job is done although the server that took over never heard of its lease, and not for one who handed it back', async () => {
    const queue = newName()
    await engine.publish([job(queue, 1), job(queue, 2), job(queue, 3)])
    const [first, second, third] = (await found(queue)) as [TakenJob, TakenJob, TakenJob]
    // As a replica has them that was promoted before the lease had reached it.
    await owner.query('update tenfold.queue_jobs set lease = 0, lease_until = null, attempt = 0 where queue = $1', [
      queue,
    ])
    assert.deepEqual(await engine.renew([first], leaseMs), [])
    assert.equal((await engine.job(queue, first.id))?.state, 'leased')
    await engine.done([first, second])
    assert.equal(await engine.job(queue, second.id), undefined)
    await engine.retry(third, 0, 'the worker stopped', true)
    await engine.done([third])
    const [again] = await found(queue)
    assert.deepEqual([again?.id, again?.attempt], [third.id, 1])
    assert.ok((await engine.release(holder)) >= 1)
    assert.deepEqual(await engine.renew([again as TakenJob], leaseMs), [{ job: again, why: 'lost' }])
  })

  it('forgets jobs that end in one turn of the loop in one statement', async () => {
    const queue = newName()
    await engine.publish(Array.from({ length: 60 }, (_, n) => job(queue, n)))
    const jobs = await take(queue)
    const calls: number[] = []
    const outcomes = new OutcomeBatch({
      placeOf: (each) => engine.placeOf(each),
      done: (its) => {
        calls.push(its.length)
        return engine.done(its)
      },
    })
    await Promise.all(jobs.map((each) => outcomes.done(each)))
    assert.deepEqual(calls, [60])
    assert.equal(await engine.job(queue, jobs[0]?.id ?? ''), undefined)
  })

  it('a publish whose deduplication id is in an open transaction waits for it, and keeps no other publish waiting', async () => {
    const queue = newName()
    const batch = new PublishBatch(engine)
    const options = { deduplicationId: 'order-1' }
    let second: ReturnType<PublishBatch['add']> | undefined
    let isThere = false
    const [first] = await database.db.slot(4).transaction(async (tx) => {
      const published = await engine.publishIn(tx, [job(queue, 1, options)])
      second = batch.add(job(queue, 2, options)).finally(() => {
        isThere = true
      })
      await batch.add(job(queue, 3))
      assert.equal(isThere, false, 'the transaction may still be rolled back')
      return published
    })
    assert.deepEqual(await second, { id: first?.id, isNew: false })
  })

  it('over several shards answers in the order of the jobs, keeps a key on one of them, and takes from all', async () => {
    const queue = newName()
    const [one] = shards() as [ShardDatabase]
    const asked: Array<{ shard: string; keys: unknown }> = []
    const named = (id: string): ShardDatabase => ({
      id,
      query(text, values = [], options = {}) {
        if (text.includes('insert into tenfold.queue_jobs')) asked.push({ shard: id, keys: values[3] })
        return one.query(text, values, options)
      },
    })
    const both = [named('s1'), named('s2')]
    const spread = openPostgresQueue(() => both)
    const jobs = Array.from({ length: 12 }, (_, n) => job(queue, n, n % 2 ? { key: `key-${n % 4}` } : {}))
    const published = (await Promise.all([spread.publish(jobs.slice(0, 6)), spread.publish(jobs.slice(6))])).flat()
    for (const [n, { id }] of published.entries()) assert.deepEqual((await spread.job(queue, id))?.payload, { n })
    for (const key of ['key-1', 'key-3']) {
      const its = asked.filter(({ keys }) => (keys as unknown[]).includes(key))
      assert.equal(new Set(its.map(({ shard }) => shard)).size, 1, key)
    }
    const taken = await takeAndEnd(spread, queue, 12)
    assert.deepEqual(new Set(taken), new Set(jobs.keys()))
    await spread.close()
  })

  it('wakes other processes, after the commit and not before, and again when its connection was cut', async () => {
    const queue = newName()
    const router = await database.openRouter()
    const there = openDatabase(router)
    const place = { map: database.map, password: database.server.secrets.app, node: 'r/worker-9' }
    const other = openPostgresQueue(() => there.shards(), { listen: place })
    let hints = 0
    const watch = other.watch((name) => {
      if (name === queue) hints++
    })
    const isHeard = (from: number) => waitUntil(() => hints > from, { what: 'a wake-up', timeoutMs })
    // It may not listen yet: asked until it does.
    await waitUntil(
      async () => {
        await engine.publish([job(queue, 0)])
        return hints > 0
      },
      { what: 'the first wake-up', timeoutMs },
    )
    // Until it is gone: what is looked for next is its successor.
    await database.server.admin.query(
      `select pg_terminate_backend(pid, 20000) from pg_stat_activity where application_name = 'r/worker-9 listens'`,
    )
    await waitUntil(
      async () => {
        const { rowCount } = await owner.query(
          `select from pg_stat_activity where application_name = 'r/worker-9 listens' and query ilike 'listen%'`,
        )
        return (rowCount ?? 0) > 0
      },
      { what: 'the next connection', timeoutMs },
    )
    await engine.close() // whatever it had to say is said
    engine = openPostgresQueue(shards)
    await new Promise((resolve) => setTimeout(resolve, 50))
    let before = hints
    await assert.rejects(
      database.db.slot(1).transaction(async (tx) => {
        await engine.publishIn(tx, [job(queue, 1)])
        throw new Error('rolled back')
      }),
    )
    await database.db.slot(1).transaction(async (tx) => {
      await engine.publishIn(tx, [job(queue, 2)])
      assert.equal(hints, before, 'nothing is said before the commit')
    })
    await isHeard(before)
    before = hints
    await engine.publish([job(queue, 3)])
    await isHeard(before)
    await watch.close()
    await other.close()
  })
})
