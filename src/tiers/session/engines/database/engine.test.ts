// The database engine: the suite of its tier, and sessions on every slot.

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { sql } from 'kysely'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestReplica } from '../../../../programs/postgres/testing.ts'
import { slotCount, slotOfText } from '../../../database/hash.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { sessionConformance } from '../../conformance.ts'
import type { SessionEngine } from '../../contract.ts'
import { newSessionId } from '../../cookie.ts'
import { openDatabaseSessions } from './engine.ts'
import { sessionTablesSql } from './testing.ts'

let database: TestDatabase
let engine: SessionEngine

before(async () => {
  database = await startTestDatabase({ sql: await sessionTablesSql() })
  engine = openDatabaseSessions(database.db, { slotOf: slotOfText, slotCount })
})

after(() => database.stop())

sessionConformance('database', { engine: () => engine })

it('sweeps sessions that have ended from every slot, and no other', async () => {
  await engine.sweep()
  const ids = Array.from({ length: 300 }, newSessionId)
  assert.ok(new Set(ids.map(slotOfText)).size > 32, 'ids spread over the slots')
  await Promise.all(ids.map((id, n) => engine.create(id, { n }, n % 2 === 0 ? 60_000 : -1)))
  assert.equal(await engine.sweep(), 150)
  assert.deepEqual((await engine.load(ids[0] as string))?.fields, { n: 0 })
})

it('reads the newest where that is asked for, though a replica that is behind would do for the request', async (t) => {
  await using behind = await startTestReplica(database.server, { slot: 'behind' })
  await database.setReplicas([behind])
  await database.map.refresh()
  const { causality } = database.db
  const somebody = <T>(work: () => Promise<T>) => causality.run(causality.open(undefined), work)
  const id = newSessionId()
  await engine.create(id, { n: 1 }, 60_000)
  const answerer = () =>
    somebody(() =>
      database.db.slot(slotOfText(id)).selectNoFrom(sql<number>`inet_server_port()`.as('port')).executeTakeFirst(),
    )
  const isAsked = async () => (await answerer())?.port === behind.port
  await waitUntil(isAsked, { what: 'an answer of the replica', timeoutMs: 15_000 })
  await waitUntil(() => somebody(() => engine.load(id)), { what: 'the session on the replica', timeoutMs: 15_000 })
  await behind.admin.query('SELECT pg_wal_replay_pause()')
  // The lag that replicas may have ends before long: until then one that is behind is asked.
  await engine.merge(id, { n: 2 }, 60_000)
  const [old, newest] = await Promise.all([
    Promise.all(Array.from({ length: 20 }, () => somebody(() => engine.load(id)))),
    Promise.all(Array.from({ length: 20 }, () => somebody(() => engine.load(id, { isNewest: true })))),
  ])
  t.diagnostic(`${old.filter((stored) => stored?.fields['n'] === 1).length} of 20 were answered by the replica`)
  for (const stored of newest) assert.deepEqual(stored?.fields, { n: 2 })
  await database.setReplicas([])
  await database.map.refresh()
})
