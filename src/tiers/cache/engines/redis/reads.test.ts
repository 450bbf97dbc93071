// Reads on a real server: together where they come together, and each with its own answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { keptOf, openOver, startServers } from './testing.ts'

test('reads of one moment are one command for each 64, later ones another; each gets what is its own', async () => {
  await using servers = await startServers(1)
  await using cache = await openOver(servers)
  using admin = await RedisAdmin.connect(servers[0] as TestRedis)
  const commands = async () =>
    Number((await admin.info('commandstats')).get('cmdstat_mget')?.match(/calls=(\d+)/)?.[1] ?? 0)
  const keys = Array.from({ length: 150 }, (_, i) => `key:${i}`)
  await Promise.all(keys.map((key, i) => (i % 3 === 0 ? undefined : cache.set(key, keptOf(i), 60_000))))
  const before = await commands()
  const found = await Promise.all(keys.map((key) => cache.get(key)))
  assert.deepEqual(
    found.map((kept) => kept?.value),
    keys.map((_, i) => (i % 3 === 0 ? undefined : i)),
  )
  assert.equal((await commands()) - before, 3)
  await cache.get('key:1')
  await cache.get('key:2')
  assert.equal((await commands()) - before, 5)
})
