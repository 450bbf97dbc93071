// Three servers that are one: each has every message, and one of them may be gone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { waitUntil } from '../../base/limits.ts'
import { freePort } from '../testing.ts'
import { NatsAdmin } from './admin.ts'
import { startTestNats, startTestNatsCluster, testSecrets } from './testing.ts'

test('one of three dies and comes back while messages come, and each that was acknowledged is there', async () => {
  await using servers = await startTestNatsCluster()
  const [first, second] = servers
  assert.ok(first && second)
  const app = await connect({
    servers: servers.map(({ address, port }) => `${address}:${port}`),
    user: 'app',
    pass: first.secrets.app,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  })
  try {
    const manager = await jetstreamManager(app)
    await manager.streams.add({ name: 'jobs', subjects: ['jobs'], num_replicas: 3 })
    const { cluster } = await manager.streams.info('jobs')
    // Not the one that leads the stream: the others would elect for some seconds (tiers/queue/engines/jetstream has that).
    const victim = servers.find(({ settings }) => settings.name !== cluster?.leader)
    assert.ok(victim && cluster?.leader, 'the stream has a leader')
    let published = 0
    const publish = async () => {
      const one = async () => {
        await jetstream(app).publish('jobs', `${published}`, { msgID: `${published}`, timeout: 1000 })
        return true
      }
      for (const end = published + 30; published < end; published++)
        await waitUntil(one, { what: 'an acknowledged message', timeoutMs: 30_000, intervalMs: 50 })
    }
    await publish()
    await victim.kill()
    await publish()
    await victim.start()
    await publish()
    await victim.healthy()
    const { state } = await manager.streams.info('jobs')
    assert.equal(state.messages, published)
    await using admin = await NatsAdmin.connect(victim)
    const hasAll = async () => (await admin.figures()).messages === published
    await waitUntil(hasAll, { what: 'all of them on the one that came back', timeoutMs: 30_000 })
  } finally {
    await app.close()
  }
})

test('nobody joins a cluster without its password', async () => {
  await using servers = await startTestNatsCluster()
  const [one] = servers
  const own = one?.settings.cluster
  assert.ok(one && own)
  const port = await freePort()
  const cluster = { ...own, port, peers: [...own.peers, { address: '127.0.0.1', port }] }
  await using stranger = await startTestNats({ secrets: testSecrets(), name: 'stranger' })
  await stranger.kill()
  await stranger.start({ cluster })
  await using admin = await NatsAdmin.connect(stranger)
  // A cluster of four decides by three: alone it never serves.
  assert.notEqual(await admin.trouble(), undefined)
  assert.equal((await admin.figures()).leader, '')
  for (const server of servers) await server.healthy()
})
