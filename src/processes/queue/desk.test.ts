// What operators ask a process of the queue, over a real database.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { slotCount, slotOfText } from '../../tiers/database/hash.ts'
import { startTestDatabase, type TestDatabase } from '../../tiers/database/testing.ts'
import type { QueueEngine } from '../../tiers/queue/contract.ts'
import { openPostgresQueue } from '../../tiers/queue/engines/postgres/engine.ts'
import { openJobLedger } from '../../tiers/queue/engines/postgres/ledger/ledger.ts'
import { openPostgresSchedules } from '../../tiers/queue/engines/postgres/schedules/store.ts'
import { queueSql } from '../../tiers/queue/engines/postgres/testing.ts'
import { QueueTier } from '../../tiers/queue/queue.ts'
import { QueueDesk, type QueueDeskParts } from './desk.ts'
import { JobWatch } from './job-watch.ts'

let database: TestDatabase
let engine: QueueEngine
let tier: QueueTier
let parts: QueueDeskParts
let desk: QueueDesk

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  const shards = () => database.db.shards()
  engine = openPostgresQueue(shards)
  const ledger = openJobLedger(shards)
  const schedules = openPostgresSchedules(database.db, { slotOf: slotOfText, slotCount })
  tier = new QueueTier(engine, { log: pino({ level: 'silent' }), ledger, schedules })
  const watch = new JobWatch('r/worker-1', () => tier.hands())
  parts = { queue: tier, engine, ledger, schedules, watch }
  desk = new QueueDesk(parts)
})

after(async () => {
  await engine?.close()
  await database?.stop()
})

test('all dead jobs of a queue are published again, in the order of their first publish, whatever their number', async () => {
  await bury('order', 230)
  await bury('other', 1)
  const done = await desk.answer({ kind: 'redrive', choice: { queue: 'order' } })
  assert.deepEqual([done.redriven, done.jobs.length], [230, 100])
  const seen: unknown[] = []
  for (let taken = await take('order'); taken.length > 0; taken = await take('order')) {
    seen.push(...taken.map(({ payload }) => payload['n']))
    await engine.done(taken)
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 230 }, (_, n) => n),
  )
  assert.deepEqual(await desk.answer({ kind: 'redrive', choice: { queue: 'order' } }), { redriven: 0, jobs: [] })
  assert.equal((await desk.answer({ kind: 'dead', limit: 10 })).letters.length, 1)
})

test('dead jobs are dropped by queue or by id, and no others', async () => {
  await bury('dropped', 120)
  const page = await desk.answer({ kind: 'dead', queue: 'dropped', limit: 2 })
  assert.ok(page.next !== null)
  const ids = page.letters.map(({ id }) => id)
  assert.deepEqual(await desk.answer({ kind: 'drop', choice: { ids } }), { dropped: 2 })
  assert.deepEqual(await desk.answer({ kind: 'drop', choice: { queue: 'dropped' } }), { dropped: 118 })
  assert.deepEqual(await desk.answer({ kind: 'dead', queue: 'dropped', limit: 2 }), { letters: [], next: null })
})

test('a job is found without its queue, and canceled', async () => {
  const { id } = await tier.queue.publish('later', { n: 1 }, { delayMs: 3_600_000, key: 'k', priority: 3 })
  await tier.queue.publish('now', {})
  const job = await desk.answer({ kind: 'job', id })
  assert.ok(job)
  assert.deepEqual([job.queue, job.state, job.key, job.priority, job.payload], ['later', 'delayed', 'k', 3, { n: 1 }])
  assert.deepEqual(await desk.answer({ kind: 'cancel', queue: 'later', id }), { answer: 'canceled' })
  assert.equal(await desk.answer({ kind: 'job', id }), null)
})

test('what waits is counted when it is asked for, schedules are listed, and streams that are not there are no answer', async () => {
  tier.queue.schedule('nightly', { cron: '0 3 * * *', queue: 'digest' })
  const report = await desk.answer({ kind: 'report', withDepth: true })
  assert.equal(report.depth?.find(({ queue }) => queue === 'now')?.waiting, 1)
  const uncounted = await desk.answer({ kind: 'report', withDepth: false })
  assert.equal(uncounted.depth, null)
  const depth = () => Promise.reject(new TenfoldError('unavailable', 'no broker answers'))
  const cutOff = new QueueDesk({ ...parts, queue: { queue: tier.queue, depth } })
  const { queues, trouble } = await cutOff.answer({ kind: 'report', withDepth: true })
  assert.deepEqual([queues, trouble], [uncounted.queues, 'no broker answers'])
  assert.deepEqual(await desk.answer({ kind: 'schedules' }), [])
  await assert.rejects(desk.answer({ kind: 'streams' }), (error) => isTenfoldError(error, 'not-built'))
})

function take(queue: string): ReturnType<QueueEngine['take']> {
  return engine.take({ queue, max: 100, leaseMs: 60_000, holder: 'test' })
}

/** They died in another order than they were published in. */
async function bury(queue: string, count: number): Promise<void> {
  const bornMs = Date.parse('2026-11-25T00:00:00Z')
  await parts.ledger.deadLetters.bury(
    Array.from({ length: count }, (_, n) => ({
      ...{ id: crypto.randomUUID(), queue, payload: { n }, attempt: 8, reason: 'no reason' },
      ...{ publishedAt: new Date(bornMs + n * 1000), diedAt: new Date(bornMs + 1e6 + ((n * 7919) % count) * 1000) },
      ...{ key: undefined, priority: 0, trace: undefined, failures: [] },
    })),
  )
}
