// The JetStream engine passes the suite of the queue tier. What waits in PostgreSQL first comes a moment later: takers of the
// suite, which look once, wait for the relay.

import { after, before } from 'node:test'
import { startTestNats, type TestNats } from '../../../../programs/nats/testing.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { queueConformance } from '../../conformance.ts'
import { openTestQueue, queueSql, type TestQueue } from './testing.ts'

let database: TestDatabase
let one: TestNats
let test: TestQueue
let watch: { close(): Promise<void> }

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  one = await startTestNats()
  test = await openTestQueue([one], database)
  watch = test.queue.watch(() => {})
})

after(async () => {
  await watch?.close()
  await test?.[Symbol.asyncDispose]()
  await one?.stop()
  await database?.stop()
})

queueConformance('jetstream, one server', {
  engine: () => test.settling,
  ledger: () => test.ledger,
  lacks: { release: 'the server knows leases by their end only' },
  transaction: (work) => database.db.slot(3).transaction(work),
})
