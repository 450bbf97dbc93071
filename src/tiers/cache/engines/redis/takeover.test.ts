// A Redis Cluster with a replica: when its primary is killed the replica takes over, with the values that it has.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import { healCluster } from '../../../../programs/redis/cluster.ts'
import { takeOver } from '../../../../programs/redis/failover.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { keptOf } from '../../testing/kept.ts'
import { openOver, startServers } from './testing.ts'

const waitMs = 20_000
const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`)

it('kill -9 of a primary that has a replica: its values are back when the replica has taken over, and none older', async () => {
  await using servers = await startServers(4, true)
  const [first, , , fourth] = servers as unknown as [TestRedis, TestRedis, TestRedis, TestRedis]
  const nodes = servers.map((server) => ({
    ...server.settings,
    busPort: server.settings.cluster?.busPort ?? 0,
    ...(server === fourth && { standsBy: first }),
  }))
  const { secrets } = first
  await healCluster(nodes, { secrets, timeoutMs: 30_000 })
  await using cache = await openOver(servers, { kind: 'cluster' })
  const countOf = async (value: string) => (await cache.getMany(keys)).filter((kept) => kept?.value === value).length
  for (const key of keys) await cache.set(key, keptOf('value'), 60_000)
  assert.equal(await countOf('value'), keys.length)
  {
    using replica = await RedisAdmin.connect(fourth)
    await untilCopied(replica)
  }
  await first.kill()
  await waitUntil(async () => (await countOf('value')) < keys.length, { what: 'the loss', timeoutMs: waitMs })
  for (const key of keys.slice(0, 100)) await cache.delete(key) // a third of them at nobody, who owes it to the heir
  await waitUntil(async () => (await countOf('value')) === keys.length - 100, { what: 'the heir', timeoutMs: waitMs })
  await first.start()
  await healCluster(nodes, { secrets, timeoutMs: 30_000 })
  assert.equal(await countOf('value'), keys.length - 100)
  using old = await RedisAdmin.connect(first)
  assert.equal((await old.info('replication')).get('role'), 'slave', 'who took over stays primary')

  await first.kill()
  await rm(first.files.dir, { recursive: true })
  await first.start()
  await healCluster(nodes, { secrets, timeoutMs: 30_000 })
  using anew = await RedisAdmin.connect(first)
  assert.equal((await anew.info('replication')).get('role'), 'slave', 'also when it has lost who it was')
  assert.equal(await countOf('value'), keys.length - 100)

  // One that is started again at once is back, with nothing, before the others believe it dead.
  await untilCopied(anew)
  await fourth.kill()
  await takeOver(anew, fourth, waitMs)
  await fourth.start()
  await healCluster(nodes, { secrets, timeoutMs: 30_000 })
  await waitUntil(async () => (await countOf('value')) === keys.length - 100, { what: 'all values', timeoutMs: waitMs })
  await takeOver(anew, fourth, waitMs)
  assert.equal((await anew.info('replication')).get('role'), 'master', 'who leads already is left alone')
})

async function untilCopied(replica: RedisAdmin): Promise<void> {
  const isReplica = async () => {
    const info = await replica.info('replication')
    return info.get('role') === 'slave' && info.get('master_link_status') === 'up'
  }
  await waitUntil(isReplica, { what: 'the replica', timeoutMs: waitMs })
  const hasCopy = async () => Number(await replica.command('DBSIZE')) > keys.length / 10
  await waitUntil(hasCopy, { what: 'the values at the replica', timeoutMs: waitMs })
}
