// A Redis Cluster of three: formed, hurt, healed.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { RedisAdmin } from './admin.ts'
import { type ClusterNode, healCluster, parseNodes, rangesOf, slotCount } from './cluster.ts'
import { startTestRedis, type TestRedis, testSecrets } from './testing.ts'

const timeoutMs = 30_000

function nodeOf({ settings }: TestRedis): ClusterNode {
  return { ...settings, busPort: settings.cluster?.busPort ?? 0 }
}

test('three nodes become a cluster, and are one again after one of them lost all it had', async () => {
  const secrets = testSecrets()
  await using one = await startTestRedis({ secrets, isCluster: true })
  await using two = await startTestRedis({ secrets, isCluster: true })
  await using three = await startTestRedis({ secrets, isCluster: true })
  const nodes = [one, two, three].map(nodeOf)
  await healCluster(nodes, { secrets, timeoutMs })
  using admin = await RedisAdmin.connect(one)
  const view = async () => parseNodes(String(await admin.command('CLUSTER', 'NODES')))
  const shares = (await view()).map(({ slots }) => slots.reduce((sum, [from, to]) => sum + to - from + 1, 0))
  assert.equal(shares.length, 3)
  assert.equal(
    shares.reduce((a, b) => a + b),
    slotCount,
  )
  assert.ok(Math.max(...shares) - Math.min(...shares) <= 2, `shares ${shares}`)
  const before = await view()
  await healCluster(nodes, { secrets, timeoutMs })
  assert.deepEqual(
    (await view()).map(({ id, slots }) => ({ id, slots })).sort(byId),
    before.map(({ id, slots }) => ({ id, slots })).sort(byId),
    'a call on a whole cluster changes nothing',
  )

  await two.kill()
  await two.start()
  await healCluster(nodes, { secrets, timeoutMs }) // it remembers who it was
  assert.deepEqual((await view()).map(({ id }) => id).sort(), before.map(({ id }) => id).sort())

  await three.kill()
  await rm(three.files.dir, { recursive: true })
  await three.start()
  await healCluster(nodes, { secrets, timeoutMs })
  assert.equal((await view()).length, 3, 'the id that is gone is forgotten')

  await assert.rejects(healCluster(nodes.slice(0, 2), { secrets, timeoutMs }), { code: 'bad-input' })
})

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1
}

test('slots are written as ranges', () => {
  assert.deepEqual(rangesOf([1, 2, 3, 7]), [
    [1, 3],
    [7, 7],
  ])
  assert.deepEqual(rangesOf([]), [])
})
