// The JetStream engine passes the suite of the queue tier. What waits in PostgreSQL first comes a moment later: takers of the
// suite, which look once, wait for the relay.

import { after } from 'node:test'
import { queueConformance } from '../../conformance.ts'
import { openTestQueue, startDatabaseAndNats } from './testing.ts'

const { database, server, stop } = await startDatabaseAndNats()
const test = await openTestQueue([server], database)
const watch = test.queue.watch(() => {})

after(async () => {
  await watch.close()
  await test[Symbol.asyncDispose]()
  await stop()
})

queueConformance('jetstream, one server', {
  engine: () => test.settling,
  ledger: () => test.ledger,
  lacks: { release: 'the server knows leases by their end only' },
  transaction: (work) => database.db.slot(3).transaction(work),
})
