// The database engine: the suite of its tier, and sessions on every slot.

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
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
