// A server is cleared of what is remembered there, and of nothing else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import { startTestRedis } from '../../../../programs/redis/testing.ts'
import { clearServer } from './scan.ts'
import { keptOf, openOver } from './testing.ts'

test('clearing a server forgets values and ends loads under way, for everybody, and leaves locks and other programs alone', async () => {
  await using server = await startTestRedis()
  await using cache = await openOver([server], { prefix: 'tenfold:' })
  await using other = await openOver([server], { prefix: 'other:' })
  const keys = Array.from({ length: 1200 }, (_, n) => `key:${n}`)
  await Promise.all(keys.map((key) => cache.set(key, keptOf(key, ['tag']), 60_000)))
  await other.set('key:0', keptOf('theirs'), 60_000)
  const lock = await cache.locks.acquire('lock', { holdMs: 60_000 })
  const claim = await cache.claim('loading', { leaseMs: 60_000 })
  assert.ok(lock && claim.outcome === 'lease')
  using admin = await RedisAdmin.connect(server)
  await clearServer((args) => admin.command(...(args.map(String) as [string, ...string[]])))
  assert.deepEqual(new Set(await cache.getMany(keys.slice(0, 1000))), new Set([undefined]))
  assert.equal(await cache.fill(claim.lease, keptOf('old'), 60_000), false)
  assert.equal((await other.get('key:0'))?.value, 'theirs')
  assert.equal(await cache.locks.acquire('lock', { holdMs: 60_000 }), undefined)
})
