// The postgres engine: the suite of its tier, on a table that it makes itself and on the sharded one that it finds.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TenfoldError } from '../../../../base/errors.ts'
import { startTestPostgres, type TestPostgres } from '../../../../programs/postgres/testing.ts'
import { openPostgresSessions, type PostgresSessions } from '../../../../session-store.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { sessionConformance } from '../../conformance.ts'
import { sessionTablesSql } from '../database/testing.ts'

type Role = 'owner' | 'app'
const urlOf = ({ address, port, secrets }: TestPostgres, role: Role) =>
  `postgres://${role}:${secrets[role]}@${address}:${port}/app`

describe('the postgres engine', () => {
  let own: TestPostgres
  let sharded: TestDatabase
  let refused: TenfoldError
  const engines = new Map<string, PostgresSessions>()

  before(async () => {
    own = await startTestPostgres()
    sharded = await startTestDatabase({ sql: await sessionTablesSql() })
    refused = await openPostgresSessions(urlOf(own, 'app')).catch((error) => error)
    // Two programs that start at the same time.
    const [first, second] = await Promise.all([1, 2].map(() => openPostgresSessions(urlOf(own, 'owner'))))
    await second?.close()
    engines.set('own', first as PostgresSessions)
    engines.set('sharded', await openPostgresSessions(urlOf(sharded.server, 'app')))
  })

  after(async () => {
    for (const engine of engines.values()) await engine.close()
    await own.stop()
    await sharded.stop()
  })

  for (const name of ['own', 'sharded'])
    sessionConformance(`postgres, ${name} table`, { engine: () => engines.get(name) as PostgresSessions })

  it('says what to do where it may not make its table, and that nobody answers', async () => {
    assert.match(refused.message, /tenfold db migrate/)
    assert.equal(refused.code, 'bad-input')
    await assert.rejects(openPostgresSessions('postgres://app:x@127.0.0.1:1/app'), { code: 'unavailable' })
  })
})
