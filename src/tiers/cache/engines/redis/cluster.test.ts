// The engine over a Redis Cluster: the suite, a primary killed, slots moved, and by Sentinels.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '../../../../base/clock.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import { healCluster } from '../../../../programs/redis/cluster.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { cacheConformance } from '../../conformance.ts'
import { keptOf } from '../../testing/kept.ts'
import { crc16, slotOf } from './slot.ts'
import { openOver, startServers } from './testing.ts'

const minuteMs = 60_000
const waitMs = 15_000
const keyCount = 300
const keys = Array.from({ length: keyCount }, (_, i) => `key}:${i}`)

async function startCluster(): Promise<TestRedis[] & AsyncDisposable> {
  const servers = await startServers(3, true)
  const nodes = servers.map(({ settings }) => ({ ...settings, busPort: settings.cluster?.busPort ?? 0 }))
  await healCluster(nodes, { secrets: (servers[0] as TestRedis).secrets, timeoutMs: 30_000 })
  return servers
}

it('slots are those of the specification', async () => {
  assert.equal(crc16(Buffer.from('123456789')), 0x31c3)
  await using servers = await startServers(1, true)
  using admin = await RedisAdmin.connect(servers[0] as TestRedis)
  for (const key of ['a', 'user:7', 'é', '}', '{x}', 'a{b}c'])
    assert.equal(slotOf(key), await admin.command('CLUSTER', 'KEYSLOT', `p:v:{${key.replaceAll('}', '%7D')}}`), key)
})

describe('the redis engine over a cluster', () => {
  let servers: TestRedis[] & AsyncDisposable
  let opened = 0
  before(async () => {
    servers = await startCluster()
  })
  after(() => servers?.[Symbol.asyncDispose]())

  cacheConformance('redis, cluster of three', {
    open: () => openOver(servers.slice(0, 1), { kind: 'cluster', prefix: `suite-${opened++}:` }),
  })

  it('follows a slot to another node, before and after it was told', async () => {
    await using cache = await openOver(servers, { kind: 'cluster' })
    const slot = slotOf('moved')
    const owners = await Promise.all(
      servers.map(async (server) => {
        using admin = await RedisAdmin.connect(server)
        const id = String(await admin.command('CLUSTER', 'MYID'))
        const mine = String(await admin.command('CLUSTER', 'NODES'))
          .split('\n')
          .find((line) => line.includes('myself'))
        const ranges = (mine ?? '')
          .split(' ')
          .slice(8)
          .map((range) => range.split('-').map(Number))
        return { server, id, has: ranges.some(([first = 0, last = first]) => slot >= first && slot <= last) }
      }),
    )
    const from = owners.find(({ has }) => has)
    const to = owners.find(({ has }) => !has)
    assert.ok(from && to)
    await cache.set('moved', keptOf('before'), minuteMs)
    using source = await RedisAdmin.connect(from.server)
    using target = await RedisAdmin.connect(to.server)
    await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
    await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
    assert.equal((await cache.get('moved'))?.value, 'before', 'what was not moved yet is where it was')
    const { port, secrets } = to.server
    await source.command('MIGRATE', '127.0.0.1', port, 'tenfold:v:{moved}', 0, 1000, 'AUTH2', 'admin', secrets.admin)
    assert.equal((await cache.get('moved'))?.value, 'before', 'what was moved is asked for there')
    await target.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
    await source.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
    assert.equal((await cache.get('moved'))?.value, 'before')
    await cache.set('moved', keptOf('after'), minuteMs)
    assert.equal((await cache.get('moved'))?.value, 'after')
  })

  it('a node that hangs is no reason to ask the others who has which slot more than a few times a second', async (t) => {
    await using cache = await openOver(servers, { kind: 'cluster', limits: {} })
    using admin = await RedisAdmin.connect(servers[0] as TestRedis)
    const asked = async () => {
      const calls = (await admin.info('commandstats')).get('cmdstat_cluster|slots')
      return Number(/calls=(\d+)/.exec(calls ?? '')?.[1] ?? 0)
    }
    const before = await asked()
    const startedMs = performance.now()
    servers[2]?.signal('SIGSTOP')
    try {
      for (let round = 0; round < 100; round++) {
        await cache.getMany(keys)
        await systemClock.sleep(10)
      }
    } finally {
      servers[2]?.signal('SIGCONT')
    }
    const [questions, tookMs] = [(await asked()) - before, performance.now() - startedMs]
    t.diagnostic(`${questions} questions in ${Math.round(tookMs)} ms`)
    assert.ok(questions <= 5 + tookMs / 200, `${questions} questions in ${Math.round(tookMs)} ms`)
  })

  it('kill -9 of a primary costs its share, no call fails or waits, and it is used again when it is back', async () => {
    await using cache = await openOver(servers, { kind: 'cluster' })
    const fill = () => Promise.all(keys.map((key) => cache.set(key, keptOf('value'), minuteMs)))
    const count = async () => (await cache.getMany(keys)).filter((kept) => kept !== undefined).length
    await fill()
    assert.equal(await count(), keyCount)
    await servers[2]?.kill()
    const isShare = (left: number) => left > keyCount * 0.5 && left < keyCount * 0.8
    await waitUntil(async () => isShare(await count()), { what: 'the loss of a share', timeoutMs: waitMs })
    await fill()
    await servers[2]?.start()
    await waitUntil(async () => (await fill()) && (await count()) === keyCount, { what: 'all', timeoutMs: waitMs })
  })
})
