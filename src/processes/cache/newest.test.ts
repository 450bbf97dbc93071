// What a process keeps for everybody is the newest, whoever asked for it first, on real servers.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sql } from 'kysely'
import { waitUntil } from '../../base/limits.ts'
import { startTestReplica } from '../../programs/postgres/testing.ts'
import { openDatabaseWrites } from '../../tiers/cache/engines/database/writes.ts'
import { WriteBackTier } from '../../tiers/cache/write-back/write-back.ts'
import { slotCount, slotOfText } from '../../tiers/database/hash.ts'
import { startTestDatabase } from '../../tiers/database/testing.ts'
import { openProcessCache } from './open-cache.ts'

const timeoutMs = 20_000
const log = { warn() {}, error() {} }

it('a load for somebody new reads from the primary, so that a replica that is behind brings nothing old back for a whole ttl', async () => {
  const database = await startTestDatabase()
  try {
    await using behind = await startTestReplica(database.server, { slot: 'behind' })
    await database.setReplicas([behind])
    await database.map.refresh()
    const { db } = database
    const { causality } = db
    const somebody = <T>(work: () => Promise<T>) => causality.run(causality.open(undefined), work)
    const slot = db.slot(slotOfText('a'))
    const answerer = () => slot.selectNoFrom(sql<number>`inet_server_port()`.as('port')).executeTakeFirst()
    const isAsked = async () => (await somebody(answerer))?.port === behind.port
    await waitUntil(isAsked, { what: 'an answer of the replica', timeoutMs })
    const writeBack = new WriteBackTier(openDatabaseWrites(db, { slotOf: slotOfText, slotCount }), { log })
    const { cache, close } = await openProcessCache(database.map.current, {} as never, db as never, writeBack, log)
    const kept = await somebody(() => cache.wrap('thing', { ttl: '1d' }, answerer))
    assert.equal(kept?.port, database.server.port)
    await close()
  } finally {
    await database.stop()
  }
})
