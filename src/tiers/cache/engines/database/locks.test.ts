// Locks and rate limits in the database: the suite, over two routers as two processes have them, and the sweep.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import type { Database } from '../../../database/contract.ts'
import { openDatabase } from '../../../database/database.ts'
import { slotCount, slotOfText } from '../../../database/hash.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { locksConformance } from '../../shared/locks-conformance.ts'
import { startHoldingProcess } from '../../shared/testing/holding-process.ts'
import { openOver, startServers } from '../redis/testing.ts'
import { type DatabaseGuards, databaseCacheMigrations, openDatabaseLocks } from './guards.ts'
import type { LimitTables } from './rate-limit.ts'
import { environmentOf } from './testing/process.ts'

let database: TestDatabase
let one: DatabaseGuards
let two: DatabaseGuards

before(async () => {
  const sql = await readFile(join(databaseCacheMigrations, '0001-locks-and-limits.sql'), 'utf8')
  database = await startTestDatabase({ sql })
  const slots = { slotOf: slotOfText, slotCount }
  one = openDatabaseLocks(database.db, slots)
  two = openDatabaseLocks(openDatabase(await database.openRouter()), slots)
})

after(() => database?.stop())

locksConformance('database', {
  async open() {
    const script = new URL('testing/holder.ts', import.meta.url)
    const hold = (name: string, holdMs: number) =>
      startHoldingProcess(script, environmentOf(database), { name, holdMs })
    return { one, two, hold, close: async () => {} }
  },
})

it('sweeps windows that are over from every slot, and keeps those that are not', async () => {
  const take = (name: string, windowMs: number) => one.rateLimiter.take(name, { limit: 1, windowMs })
  const names = Array.from({ length: 100 }, (_, i) => `swept ${i}`)
  await Promise.all(names.map((name) => take(name, 10)))
  await take('kept', 60_000)
  await new Promise((resolve) => setTimeout(resolve, 30))
  await one.sweep()
  const tables = database.db as unknown as Database<LimitTables>
  const rows = await tables.scatter((db) => db.selectFrom('tenfold_limits').select('name'))
  assert.ok(rows.some(({ name }) => name === 'kept') && !rows.some(({ name }) => name.startsWith('swept')))
  assert.equal((await take('kept', 60_000)).isAllowed, false)
})

it('tokens grow over a move to the redis engine and back', async () => {
  await using servers = await startServers(1)
  await using redis = await openOver(servers)
  let last = 0
  for (const { locks } of [one, redis, two, redis, one]) {
    const lock = await locks.acquire('moved', { holdMs: 60_000 })
    assert.ok(lock && lock.token > last, `${lock?.token} after ${last}`)
    last = lock.token
    await lock.release()
  }
})

it('says unavailable when the database cannot be asked, and gives neither lock nor room', async () => {
  const router = await database.openRouter()
  const guards = openDatabaseLocks(openDatabase(router), { slotOf: slotOfText, slotCount })
  const lock = await guards.locks.acquire('kept', { holdMs: 60_000 })
  assert.ok(lock)
  await router.stop()
  await assert.rejects(guards.locks.acquire('other', { holdMs: 1000 }), { code: 'unavailable' })
  await assert.rejects(lock.extend(1000), { code: 'unavailable' })
  await assert.rejects(lock.release(), { code: 'unavailable' })
  await assert.rejects(guards.rateLimiter.take('other', { limit: 1, windowMs: 1000 }), { code: 'unavailable' })
})
