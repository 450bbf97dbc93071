// Write-back over several shards: one that is away keeps its own writes waiting, and those of no other.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import type { SystemMap } from '../../../../map/map.ts'
import { writeMap } from '../../../../map/store.ts'
import { slotCount, slotOfText } from '../../../database/hash.ts'
import { startTestDatabase } from '../../../database/testing.ts'
import { WriteBackTier } from '../../write-back/write-back.ts'
import { databaseCacheMigrations } from './guards.ts'
import { openDatabaseWrites } from './writes.ts'

const timeoutMs = 60_000
/** Nobody listens there. */
const closedPort = 1

it('one shard that is away keeps its own writes waiting, and those of no other', async () => {
  const sql = await readFile(join(databaseCacheMigrations, '0002-writes.sql'), 'utf8')
  await using database = await startTestDatabase({ sql, shards: 3 })
  const engine = openDatabaseWrites(database.db, { slotOf: slotOfText, slotCount })
  const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`)
  for (const key of keys) await engine.append('n', { key, value: 1 })
  const text = await readFile(database.mapFile, 'utf8')
  const change = async (version: number, isAway: boolean) => {
    const map = JSON.parse(text) as SystemMap
    map.version = version
    const node = map.nodes.find(({ id }) => id === map.shards[1]?.primary)
    assert.ok(node)
    if (isAway) node.port = closedPort
    await writeMap(database.mapFile, map)
    await waitUntil(() => database.map.current.version === version, { what: 'the map', timeoutMs })
    return map
  }
  const map = await change(10, true)
  const isOf = (key: string) => map.shards[1]?.slots.includes(slotOfText(key)) ?? false
  const stored = new Set<string>()
  const tier = new WriteBackTier(engine, { log: { warn() {}, error() {} } })
  tier.handle('n', async (key) => {
    stored.add(key)
  })
  tier.start()
  try {
    const others = keys.filter((key) => !isOf(key))
    assert.ok(others.length > 0 && others.length < keys.length)
    await waitUntil(() => others.every((key) => stored.has(key)), { what: 'the writes of the others', timeoutMs })
    assert.equal(stored.size, others.length)
    await change(11, false)
    await waitUntil(() => stored.size === keys.length, { what: 'all writes', timeoutMs })
  } finally {
    await tier.stop(timeoutMs)
  }
})
