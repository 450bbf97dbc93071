// What NATS promises beside what every server does (../directory-server.test.ts): only those with a password come in, and what
// was acknowledged stays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { stopServer } from '../directory-server.ts'
import { NatsAdmin } from './admin.ts'
import { configurationOf } from './configuration.ts'
import { natsFilesOf } from './files.ts'
import { startTestNats, type TestNats, testSecrets } from './testing.ts'

async function clientOf({ address, port }: TestNats, user?: string, pass?: string) {
  const connection = await connect({
    servers: `${address}:${port}`,
    ...(user !== undefined && { user }),
    ...(pass !== undefined && { pass }),
    reconnect: false,
    timeout: 5000,
  })
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
}

async function makeStream(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: 'jobs', subjects: ['jobs'] })
}

test('nobody comes in without a name and its password, and the app sees nothing of the servers', async () => {
  await using server = await startTestNats()
  const { secrets } = server
  const strangers = [[], ['app'], ['app', 'wrong'], ['app', secrets.admin], ['admin', ''], ['route', secrets.route]]
  for (const [user, pass] of strangers)
    await assert.rejects(clientOf(server, user, pass), { name: 'AuthorizationError' }, `${user}`)
  await using app = await clientOf(server, 'app', secrets.app)
  await makeStream(app)
  await assert.rejects(app.request('$SYS.REQ.SERVER.PING.VARZ', '', { timeout: 300 }))
  await using admin = await clientOf(server, 'admin', secrets.admin)
  await assert.rejects(makeStream(admin), 'the system account has no messages')
  await assert.rejects(NatsAdmin.connect({ ...server, secrets: testSecrets() }), { code: 'unauthorized' })
})

test('what was acknowledged is there after kill -9, and after a stop', async () => {
  await using server = await startTestNats()
  {
    await using app = await clientOf(server, 'app', server.secrets.app)
    await makeStream(app)
    for (let i = 0; i < 50; i++) await jetstream(app).publish('jobs', `${i}`)
  }
  const stops = [() => server.kill(), () => stopServer(server.pid, 10_000)]
  for (const end of stops) {
    await end()
    await server.start()
    await server.healthy()
    await using app = await clientOf(server, 'app', server.secrets.app)
    const { state } = await (await jetstreamManager(app)).streams.info('jobs')
    assert.equal(state.messages, 50)
  }
  await using admin = await NatsAdmin.connect(server)
  const { streams, messages, leader } = await admin.figures()
  assert.deepEqual({ streams, messages, leader }, { streams: 1, messages: 50, leader: undefined })
})

test('a store that is full refuses what comes with a reason, and keeps what it has', async () => {
  await using server = await startTestNats({ storeBytesMax: 100_000 })
  await using app = await clientOf(server, 'app', server.secrets.app)
  await makeStream(app)
  let kept = 0
  const fill = async () => {
    for (; kept < 200; kept++) await jetstream(app).publish('jobs', 'x'.repeat(10_000))
  }
  await assert.rejects(fill(), /insufficient|resource|maximum/i)
  assert.ok(kept > 0 && kept < 20, `${kept}`)
  const { state } = await (await jetstreamManager(app)).streams.info('jobs')
  assert.equal(state.messages, kept)
})

test('a server that can syncs before it acknowledges, one that cannot is not asked to', () => {
  const settings = { address: '127.0.0.1', port: 4222, name: 'a' }
  const of = (version: string) => configurationOf(settings, natsFilesOf('/x'), testSecrets(), version)
  assert.match(of('2.10.1'), /^ {2}sync_interval: always$/m)
  assert.match(of('3.0.0'), /sync_interval/)
  assert.doesNotMatch(of('2.9.10'), /sync_interval/)
})
