// Steps of the shared cache whose nodes die under them: they wait for the node to be back, and end with the supervisor.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { start } from '../../plan/testing.ts'
import { healCluster } from '../../programs/redis/cluster.ts'
import { startTestRedis, testSecrets } from '../../programs/redis/testing.ts'
import { cacheSettingsOf } from '../../topology/cache-settings.ts'
import type { System } from '../system.ts'
import { clearCache, formCluster, tuneCache } from './cache-steps.ts'

type CacheSystem = Parameters<typeof formCluster>[0]

function systemOf(nodes: Array<Partial<MapNode>>, more: Partial<CacheSystem> = {}) {
  const map = { ...structuredClone(start), nodes: nodes as MapNode[] }
  const keeper = {
    map,
    node: (id: string) => map.nodes.find((node) => node.id === id),
    change: async (edit: (draft: SystemMap) => void) => edit(map),
  } as unknown as System['keeper']
  const redis = {} as System['redis']
  return {
    ...{ keeper, redis, secrets: {} as System['secrets'], stopping: () => new AbortController().signal },
    ...more,
  }
}

test('a node that dies while it is told its settings is told again', async () => {
  let calls = 0
  const redis = {
    async tune() {
      if (++calls === 1) throw new Error('the connection ended')
    },
  } as unknown as System['redis']
  const system = systemOf([{ id: 'us-east/redis-1', role: 'redis', pid: 1 }], { redis })
  await tuneCache(system, 'us-east/redis-1')
  assert.equal(calls, 2)
  assert.equal(system.keeper.node('us-east/redis-1')?.settings, cacheSettingsOf(start.topology))
})

test('a cluster is made though a node of it is dead when that begins', async () => {
  const redis = testSecrets()
  await using one = await startTestRedis({ secrets: redis, isCluster: true })
  await using two = await startTestRedis({ secrets: redis, isCluster: true })
  await using three = await startTestRedis({ secrets: redis, isCluster: true })
  const nodes = [one, two, three].map(({ settings: { address, port, cluster } }, i) => ({
    ...{ id: `us-east/redis-${i + 1}`, address, port, busPort: cluster?.busPort ?? 0 },
  }))
  const secrets = { redis } as System['secrets']
  const ids = nodes.map(({ id }) => id)
  await three.kill()
  const forming = formCluster(systemOf(nodes, { secrets }), ids)
  await three.start()
  await forming
  await healCluster(nodes, { secrets: redis, timeoutMs: 10_000 })
})

test('a supervisor that stops is not kept by a node that does not come back', async () => {
  const stopping = () => AbortSignal.abort()
  const admin = async () => {
    throw new Error('nobody answers')
  }
  const system = systemOf([{ id: 'us-east/redis-1', role: 'redis', pid: null }], {
    redis: { admin } as unknown as System['redis'],
    stopping,
  })
  await assert.rejects(clearCache(system, ['us-east/redis-1']), { code: 'closed' })
})
