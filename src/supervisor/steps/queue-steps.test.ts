// Steps of the queue on real brokers and a real database: nobody is told of brokers that do not serve, and none goes that has a job.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isTenfoldError } from '../../base/errors.ts'
import type { MapNode, MapQueue, SystemMap } from '../../map/map.ts'
import { NatsAdmin } from '../../programs/nats/admin.ts'
import { startTestNatsCluster, type TestNats } from '../../programs/nats/testing.ts'
import { startTestDatabase, type TestDatabase } from '../../tiers/database/testing.ts'
import { openTestQueue } from '../../tiers/queue/engines/jetstream/testing.ts'
import { queueSql } from '../../tiers/queue/engines/postgres/testing.ts'
import type { System } from '../system.ts'
import { emptyBroker, useQueue } from './queue-steps.ts'

type QueueSystem = Parameters<typeof useQueue>[0] & Parameters<typeof emptyBroker>[0]

const ids = ['us-east/nats-1', 'us-east/nats-2', 'us-east/nats-3']
let servers: TestNats[] & AsyncDisposable
let database: TestDatabase

before(async () => {
  servers = await startTestNatsCluster()
  database = await startTestDatabase({ sql: await queueSql() })
})

after(async () => {
  await servers?.[Symbol.asyncDispose]()
  await database?.stop()
})

function systemOf(queue: MapQueue | undefined, stopping = new AbortController().signal) {
  const brokers = ids.map((id, i) => ({ id, role: 'nats', address: servers[i]?.address, port: servers[i]?.port }))
  const map: SystemMap = { ...structuredClone(database.map.current), ...(queue && { queue }) }
  map.nodes = [...map.nodes, ...(brokers as MapNode[])]
  const change = async (edit: (draft: SystemMap) => void) => edit(map)
  const keeper = {
    map,
    node: (id: string) => map.nodes.find((node) => node.id === id),
    onChange: () => () => {},
    ...{ change, changeEverywhere: change },
  } as unknown as System['keeper']
  const nats = servers[0]?.secrets as System['secrets']['nats']
  const system: QueueSystem = {
    keeper,
    secrets: { nats, postgres: database.server.secrets } as System['secrets'],
    nats: {
      admin: ({ address, port }: MapNode) => NatsAdmin.connect({ address, port, secrets: nats }),
    } as System['nats'],
    events: { emit() {} } as unknown as System['events'],
    stopping: () => stopping,
  }
  return { system, map }
}

test('processes are told of brokers when every one of them serves, however it fares meanwhile', async () => {
  const { system, map } = systemOf(undefined)
  await using admin = await NatsAdmin.connect(servers[0] as TestNats)
  const { leader } = await admin.figures()
  // Without the one that leads the others would elect for some seconds.
  const victim = servers.find(({ settings }) => settings.name !== leader)
  await victim?.kill()
  const using = useQueue(system, { nodes: ids })
  assert.equal(map.queue, undefined)
  await victim?.start()
  await using
  assert.deepEqual(map.queue, { nodes: ids })
  await useQueue(system, { nodes: [], left: [ids] })
  assert.deepEqual(map.queue, { nodes: [], left: [ids] })
})

test('what is left in brokers is in the database when they are forgotten; doing it again changes nothing', async () => {
  const published = 25
  {
    await using test = await openTestQueue(servers, database)
    const jobs = Array.from({ length: published }, (_, n) => ({ queue: 'left', body: `{"n":${n}}`, options: {} }))
    await test.queue.publish(jobs)
    // One is in somebody's hands who will not come back.
    assert.equal((await test.queue.take({ queue: 'left', max: 1, leaseMs: 60_000, holder: 'gone' })).length, 1)
    const { system, map } = systemOf({ nodes: [], left: [ids] })
    await emptyBroker(system, ids)
    assert.equal(map.queue, undefined)
    await emptyBroker(system, ids)
    const [depth] = await test.postgres.depth()
    assert.deepEqual([depth?.queue, depth?.waiting], ['left', published])
  }
  await using admin = await NatsAdmin.connect(servers[0] as TestNats)
  assert.equal((await admin.figures()).messages, 0)
})

test('a supervisor that stops is not kept by brokers that do not come back', async () => {
  const { system, map } = systemOf({ nodes: [], left: [ids] }, AbortSignal.abort())
  for (const server of servers) await server.kill()
  await assert.rejects(useQueue(system, { nodes: ids }), (error) => isTenfoldError(error, 'closed'))
  await assert.rejects(emptyBroker(system, ids))
  assert.deepEqual(map.queue, { nodes: [], left: [ids] }, 'nothing is forgotten that was not moved')
})
