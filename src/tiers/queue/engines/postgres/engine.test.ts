// The PostgreSQL engine: the suite of its tier, its transactions with the app's, and who may claim how much.

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { connectAs } from '../../../../programs/postgres/testing.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { queueConformance } from '../../conformance.ts'
import type { QueueEngine } from '../../contract.ts'
import { openPostgresQueue } from './engine.ts'
import { openJobLedger } from './ledger/ledger.ts'
import { queueSql } from './testing.ts'

let database: TestDatabase
let engine: QueueEngine

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  engine = openPostgresQueue(() => database.db.shards())
})

after(async () => {
  await engine.close()
  await database.stop()
})

queueConformance('postgres', {
  engine: () => engine,
  ledger: () => openJobLedger(() => database.db.shards()),
  transaction: (work) => database.db.slot(3).transaction(work),
})

it('claims no more than it may while a table of many jobs has not been analysed', async () => {
  const queue = 'fresh'
  await engine.publish(Array.from({ length: 5000 }, (_, n) => ({ queue, body: JSON.stringify({ n }), options: {} })))
  const batches = await Promise.all(
    Array.from({ length: 8 }, () => engine.take({ queue, max: 64, leaseMs: 60_000, holder: 'r/web-1' })),
  )
  assert.deepEqual(new Set(batches.map((batch) => batch.length)), new Set([64]))
})

it('takes what lies in any of the eight tables, in the order of publishing, whatever the time is', async () => {
  const queue = 'spread'
  await engine.publish(Array.from({ length: 24 }, (_, n) => ({ queue, body: JSON.stringify({ n }), options: {} })))
  {
    await using owner = await connectAs(database.server, 'owner')
    await owner.query(`update tenfold.queue_jobs set bucket = (body::json->>'n')::int % 8 where queue = $1`, [queue])
  }
  const jobs = await engine.take({ queue, max: 100, leaseMs: 60_000, holder: 'r/web-1' })
  assert.deepEqual(
    jobs.map(({ payload }) => payload['n']),
    Array.from({ length: 24 }, (_, n) => n),
  )
  await engine.done(jobs)
  assert.equal(await engine.job(queue, jobs[0]?.id ?? ''), undefined)
})
