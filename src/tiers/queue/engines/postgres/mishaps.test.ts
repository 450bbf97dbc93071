// What goes wrong around a worker of this engine: shards that are down, ledgers that do not answer, long lines of one key.
// What was taken is handled or handed back, never forgotten until its lease ends.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, it } from 'node:test'
import { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { connectAs } from '../../../../programs/postgres/testing.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import type { NewJob, QueueEngine, TakenJob } from '../../contract.ts'
import type { JobLedger } from '../../ledger/contract.ts'
import { OutcomeBatch } from '../../outcome-batch.ts'
import { PublishBatch } from '../../publish-batch.ts'
import { QueueTier } from '../../queue.ts'
import { jobOf, numbersOf } from '../../testing/suite.ts'
import type { HeldJob } from '../../worker/held-job.ts'
import { openPostgresQueue } from './engine.ts'
import { sweep } from './housekeeping.ts'
import { openJobLedger } from './ledger/ledger.ts'
import { queueSql } from './testing.ts'
import { WakeUps } from './wake-ups.ts'

const timeoutMs = 20_000
const leaseMs = 60_000
const holder = 'r/worker-1'
const quiet = { warn() {}, error() {} }
const down = () => new TenfoldError('unavailable', 'the shard is down')

let database: TestDatabase
let engine: QueueEngine
let ledger: JobLedger

const newName = () => `mishap.${randomUUID()}`
const only = () => database.db.shards()[0] as ShardDatabase
const until = (what: string, check: () => Promise<unknown> | unknown) =>
  waitUntil(async () => Boolean(await check()), { what, timeoutMs })

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  engine = openPostgresQueue(() => database.db.shards())
  ledger = openJobLedger(() => database.db.shards())
})

after(async () => {
  await engine.close()
  await database.stop()
})

it('a publish of which one shard took its part may be stored; one that no shard took is not', async () => {
  const queue = newName()
  let areDown = 1
  const shards = ['s1', 's2'].map(
    (id, i): ShardDatabase => ({
      id,
      query: (...args) => (i < areDown ? Promise.reject(down()) : only().query(...args)),
    }),
  )
  const both = openPostgresQueue(() => shards)
  const jobs = Array.from({ length: 8 }, (_, n) => ({ queue, body: `${n}`, options: { key: `key-${n}` } }))
  await assert.rejects(both.publish(jobs), { code: 'outcome-unknown', message: /1 of 2 shards/ })
  const stored = await engine.take({ queue, max: 100, leaseMs, holder })
  assert.ok(stored.length > 0 && stored.length < 8, `${stored.length} stored`)
  areDown = 2
  await assert.rejects(both.publish(jobs), { code: down().code })
  await both.close()
})

it('a shard that is down takes no job away that another one gave, is left alone, and comes back by itself', async () => {
  const queue = newName()
  let isDown = true
  let asked = 0
  const shards: ShardDatabase[] = [
    { id: 's1', query: (...args) => only().query(...args) },
    {
      id: 's2',
      query(text, ...rest) {
        if (isDown && text.includes('take_jobs')) asked++
        return isDown ? Promise.reject(down()) : only().query(text, ...rest)
      },
    },
  ]
  const both = openPostgresQueue(() => shards)
  await engine.publish(Array.from({ length: 6 }, (_, n) => jobOf(queue, n)))
  const seen: unknown[] = []
  for (let i = 0; i < 3; i++) seen.push(...numbersOf(await both.take({ queue, max: 2, leaseMs, holder })))
  // Whichever was asked first, and with room for more than there are.
  await engine.publish([jobOf(queue, 6)])
  seen.push(...numbersOf(await both.take({ queue, max: 100, leaseMs, holder })))
  await engine.publish([jobOf(queue, 7)])
  seen.push(...numbersOf(await both.take({ queue, max: 100, leaseMs, holder })))
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7])
  assert.ok(asked <= 1, `it was asked ${asked} times`)
  isDown = false
  shards.shift()
  await engine.publish([jobOf(queue, 8)])
  await until('its job', async () => numbersOf(await both.take({ queue, max: 1, leaseMs, holder })).includes(8))
  await both.close()
})

it('a shard that does not answer keeps the ends and the leases of its own jobs waiting, and no others', async (t) => {
  const queue = newName()
  const answer = Promise.withResolvers<never>()
  answer.promise.catch(() => {})
  let isAway = false
  const renewals = { s1: 0, s2: 0 }
  // One job of each, since both are the same server.
  const shard = (id: 's1' | 's2'): ShardDatabase => ({
    id,
    query(text, values = [], options = {}) {
      if (text.includes('renew_jobs')) renewals[id]++
      if (id === 's2' && isAway) return answer.promise
      return only().query(text, text.includes('take_jobs') ? values.with(1, 1) : values, options)
    },
  })
  const both = openPostgresQueue(() => [shard('s1'), shard('s2')])
  const tier = new QueueTier(both, { log: quiet, holder })
  const begun: string[] = []
  const end = new Map(['s1', 's2'].map((place) => [place, Promise.withResolvers<void>()]))
  tier.queue.handle(queue, { leaseMs: 2000, concurrency: 2 }, async (job) => {
    const place = both.placeOf((job as HeldJob).taken).slice(0, 2)
    begun.push(place)
    await end.get(place)?.promise
  })
  t.after(async () => {
    isAway = false
    answer.reject(down())
    for (const { resolve } of end.values()) resolve()
    await tier.stopWorkers(timeoutMs)
    await both.close()
  })
  const published = await engine.publish([0, 1].map((n) => jobOf(queue, n)))
  tier.startWorkers()
  await until('both', () => begun.length === 2)
  assert.deepEqual(begun.toSorted(), ['s1', 's2'])
  isAway = true
  await until('a renewal that is not answered', () => renewals.s2 > 0)
  const before = renewals.s1
  await until('renewals beside it', () => renewals.s1 > before + 1)
  for (const { resolve } of end.values()) resolve()
  const left = async () => {
    const states = await Promise.all(published.map(({ id }) => engine.job(queue, id)))
    return states.filter((state) => state !== undefined).length
  }
  await until('the end of one', async () => (await left()) === 1)
})

it('the end of a job whose deduplication id is in an open transaction waits for it, and keeps no other end waiting', {
  timeout: timeoutMs,
}, async () => {
  const queue = newName()
  const options = { deduplicationId: 'order-1' }
  const published = await engine.publish([jobOf(queue, 0, options), jobOf(queue, 1)])
  const [named, plain] = (await engine.take({ queue, max: 2, leaseMs, holder })) as [TakenJob, TakenJob]
  const outcomes = new OutcomeBatch(engine)
  let ended: Promise<void> | undefined
  await database.db.slot(4).transaction(async (tx) => {
    const [again] = await engine.publishIn(tx, [jobOf(queue, 2, options)])
    assert.deepEqual(again, { id: published[0]?.id, isNew: false })
    ended = outcomes.done(named)
    await outcomes.done(plain)
  })
  await ended
  assert.equal(await engine.job(queue, named.id), undefined)
})

it('what an earlier process held is free where a shard can be asked, though another one cannot', async () => {
  const queue = newName()
  const failing: ShardDatabase = { id: 's0', query: () => Promise.reject(down()) }
  const both = openPostgresQueue(() => [failing, only()])
  const [published] = await engine.publish([jobOf(queue, 0)])
  assert.equal((await engine.take({ queue, max: 1, leaseMs, holder: 'r/killed' })).length, 1)
  await assert.rejects(both.release('r/killed'), { code: 'unavailable' })
  assert.equal((await engine.job(queue, published?.id as string))?.state, 'waiting')
  await both.close()
})

it('what one statement of a take gave stays taken when the next one fails', async () => {
  const queue = newName()
  let failing = ''
  const shard: ShardDatabase = {
    id: 's1',
    query: (text, ...rest) =>
      failing && text.includes(failing) ? Promise.reject(down()) : only().query(text, ...rest),
  }
  const there = openPostgresQueue(() => [shard])
  await there.publish([0, 1, 2].map((n) => jobOf(queue, n, { key: 'one' })))
  const take = () => there.take({ queue, max: 10, leaseMs, holder })
  const [first] = await take()
  await there.done([first as TakenJob])
  failing = 'take_jobs'
  // The next one of its key is taken by itself, in every other take before the line beside it.
  const next = await take().catch(take)
  assert.deepEqual(numbersOf(next), [1])
  await there.close()
})

it('a claim of a process that has seen no job with a key yet looks at so many rows and no more', async () => {
  const queue = newName()
  await engine.publish(Array.from({ length: 50 }, (_, n) => jobOf(queue, n, { key: 'one' })))
  const [first] = await engine.take({ queue, max: 1, leaseMs, holder })
  assert.ok(first)
  const limits: unknown[] = []
  const shard: ShardDatabase = {
    id: 's1',
    query(text, values = [], options = {}) {
      if (text.includes('take_jobs')) limits.push(values[8])
      return only().query(text, values, options)
    },
  }
  const there = openPostgresQueue(() => [shard])
  assert.deepEqual(await there.take({ queue, max: 4, leaseMs, holder }), [])
  assert.ok(limits.length > 0 && limits.every((limit) => Number(limit) > 0), String(limits))
  await there.close()
})

it('hands back what it has taken when the ledger cannot be asked for the rate of its keys', async (t) => {
  const queue = newName()
  let failures = 0
  const limits = Object.assign(Object.create(ledger.limits), {
    grantKeys(...args: Parameters<JobLedger['limits']['grantKeys']>) {
      return failures++ === 0 ? Promise.reject(down()) : ledger.limits.grantKeys(...args)
    },
  })
  const tier = new QueueTier(engine, { log: quiet, holder, ledger: { ...ledger, limits } })
  const attempts: number[] = []
  tier.queue.handle(queue, { keyRate: { count: 100, perMs: 1000 }, leaseMs: 600_000 }, async ({ attempt }) => {
    attempts.push(attempt)
  })
  const [published] = await engine.publish([jobOf(queue, 0, { key: 'one' })])
  t.after(() => tier.stopWorkers(timeoutMs))
  tier.startWorkers()
  await until('the job', () => attempts.length === 1)
  await until('its end', async () => (await engine.job(queue, published?.id as string)) === undefined)
  assert.deepEqual(attempts, [1])
})

it('a job whose lease ended before it began runs when nobody else has it by then, and else not', async (t) => {
  const queue = newName()
  const took = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const slow = withTake(async (request) => {
    const jobs = await engine.take(request)
    if (jobs.length > 0) took.resolve()
    await answer.promise
    return jobs
  })
  const ran: unknown[] = []
  const tier = new QueueTier(slow, { log: quiet, holder: 'r/slow' })
  tier.queue.handle(queue, { leaseMs: 300, concurrency: 2 }, async ({ payload, attempt }) => {
    ran.push([payload['n'], attempt])
  })
  await engine.publish([0, 1].map((n) => jobOf(queue, n)))
  t.after(() => tier.stopWorkers(timeoutMs))
  tier.startWorkers()
  await took.promise
  // As soon as its lease has ended, another one gets it: at its second attempt.
  const others: TakenJob[] = []
  await until('another holder', async () => {
    others.push(...(await engine.take({ queue, max: 1, leaseMs, holder })))
    return others.some(({ attempt }) => attempt === 2)
  })
  const [theirs] = numbersOf(others)
  answer.resolve()
  await until('the end of the one that is left', async () => ran.length > 0)
  assert.deepEqual(ran, [[theirs === 0 ? 1 : 0, 1]])
})

it('a suspect that has to wait for the rate of its key waits, and is not given up for it', async (t) => {
  const queue = newName()
  const keyRate = { count: 1, perMs: 3_600_000 }
  const [published] = await engine.publish([jobOf(queue, 0, { key: 'one' })])
  assert.equal((await engine.take({ queue, max: 1, leaseMs, holder: 'r/dead' })).length, 1)
  await engine.release('r/dead')
  await ledger.limits.grantKeys(queue, ['one'], keyRate)
  const tier = new QueueTier(engine, { log: quiet, holder, ledger })
  tier.queue.handle(queue, { keyRate, attemptsMax: 3 }, async () => assert.fail('it is not its time'))
  t.after(() => tier.stopWorkers(timeoutMs))
  tier.startWorkers()
  await until('its wait', async () => {
    const state = await engine.job(queue, published?.id as string)
    return (state?.until?.getTime() ?? 0) > Date.now() + 600_000
  })
})

it('forgets all deduplication ids that are over, however many they are', async () => {
  await using owner = await connectAs(database.server, 'owner')
  const queue = newName()
  await owner.query(
    `insert into tenfold.job_ids (queue, deduplication_id, job_id, is_kept, until)
     select $1, n::text, gen_random_uuid(), false, now() - interval '1 s' from generate_series(1, 2500) as n`,
    [queue],
  )
  await sweep(database.db.shards())
  const { rows } = await owner.query('select count(*)::int as count from tenfold.job_ids where queue = $1', [queue])
  assert.equal(rows[0].count, 0)
})

it('large jobs of many callers go in several statements, and small ones beside them are as they were', async () => {
  const queue = newName()
  const sizes: number[] = []
  const batch = new PublishBatch(
    Object.assign(Object.create(engine), {
      publish(jobs: readonly NewJob[]) {
        sizes.push(jobs.reduce((sum, { body }) => sum + body.length, 0))
        return engine.publish(jobs)
      },
    }),
  )
  const body = JSON.stringify({ text: 'x'.repeat(200_000) })
  const published = await Promise.all(Array.from({ length: 60 }, () => batch.add({ queue, body, options: {} })))
  assert.equal(new Set(published.map(({ id }) => id)).size, 60)
  assert.ok(Math.max(...sizes) <= 4 * 1024 * 1024, String(sizes))
})

it('a shard that does not answer is told of jobs once, and others as ever', async () => {
  const told: string[] = []
  const answer = Promise.withResolvers<never[]>()
  const shards: ShardDatabase[] = ['s1', 's2'].map((id) => ({
    id,
    query() {
      told.push(id)
      return id === 's1' ? answer.promise : Promise.resolve([])
    },
  }))
  const wakeUps = new WakeUps(() => shards, undefined)
  const ids = shards.map(({ id }) => id)
  const say = setInterval(() => wakeUps.tell(ids, { queue: 'mail', rank: 9 }), 1)
  await until('many for the other', () => told.filter((id) => id === 's2').length > 5)
  clearInterval(say)
  assert.equal(told.filter((id) => id === 's1').length, 1)
  answer.resolve([])
  await until('the rest', () => told.filter((id) => id === 's1').length === 2)
  await wakeUps.close()
})

it('what goes along with a publish names each line once, and what follows within moments does not go along', async () => {
  const wakeUps = new WakeUps(() => [], undefined)
  const [mail, index] = [
    { queue: 'mail', rank: 9 },
    { queue: 'index', rank: 0 },
  ]
  const news = Array.from({ length: 1000 }, (_, i) => (i % 2 ? index : mail))
  const [said] = wakeUps.along(news)?.values ?? []
  assert.match(String(said), /^\w+ mail\/9 index\/0$/)
  assert.equal(wakeUps.along(news), undefined)
  await wakeUps.close()
})

it('a publish in a transaction does not wait for the jobs to be counted', { timeout: timeoutMs }, async () => {
  const queue = newName()
  const counting = Promise.withResolvers<never[]>()
  const counts: QueueEngine = Object.assign(Object.create(engine), {
    publishIn: engine.publishIn.bind(engine),
    depth: () => counting.promise,
  })
  const tier = new QueueTier(counts, { log: quiet, holder })
  tier.queue.define(queue, { waitingMax: 2 })
  const publish = () => database.db.slot(1).transaction((tx) => tier.queue.in(tx).publish(queue, {}))
  await publish()
  await publish()
  await assert.rejects(publish(), { code: 'overloaded' })
  counting.resolve([])
})

function withTake(take: QueueEngine['take']): QueueEngine {
  return new Proxy(engine, {
    get(target, name) {
      const value = name === 'take' ? take : Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
