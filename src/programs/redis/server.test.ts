// What Redis promises beside what every server does (../directory-server.test.ts): only those with a password come in, what
// persists stays, and nothing else does.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createClient } from 'redis'
import { waitUntil } from '../../base/limits.ts'
import { stopServer } from '../directory-server.ts'
import { RedisAdmin } from './admin.ts'
import { lowerFence, raiseFence } from './fence.ts'
import { startTestRedis, type TestRedis, testSecrets } from './testing.ts'

async function clientOf({ address, port }: TestRedis, username?: string, password?: string) {
  const client = createClient({
    ...(username && { username }),
    ...(password && { password }),
    socket: { host: address, port, reconnectStrategy: false },
  })
  client.on('error', () => {})
  await client.connect()
  return Object.assign(client, { [Symbol.dispose]: () => void (client.isOpen && client.destroy()) })
}

test('nobody comes in without a name and its password, and the app does not administer', async () => {
  await using server = await startTestRedis()
  const { secrets } = server
  for (const [user, password] of [[], ['default', ''], ['app', 'wrong'], ['app', secrets.admin], ['admin', '']]) {
    using stranger = await clientOf(server, user, password).catch(() => undefined)
    if (stranger) await assert.rejects(stranger.get('key'), /NOAUTH/)
  }
  using app = await clientOf(server, 'app', secrets.app)
  assert.equal(await app.set('key', 'value'), 'OK')
  assert.equal(await app.get('key'), 'value')
  for (const command of [
    ['CONFIG', 'GET', 'masterauth'],
    ['FLUSHALL'],
    ['KEYS', '*'],
    ['SHUTDOWN'],
    ['REPLICAOF', 'NO', 'ONE'],
    ['ACL', 'LIST'],
    ['DEBUG', 'SLEEP', '1'],
  ])
    await assert.rejects(app.sendCommand(command), /NOPERM|not allowed/, command.join(' '))
  using replica = await clientOf(server, 'replica', secrets.replica)
  await assert.rejects(replica.get('key'), /NOPERM/)
  await assert.rejects(RedisAdmin.connect({ ...server, secrets: testSecrets() }), { code: 'unauthorized' })
})

test('a client that does not read what it is told is cut off before that takes the place of values', async () => {
  await using server = await startTestRedis()
  const deaf = connect(server.port, server.address)
  try {
    deaf.on('error', () => {})
    deaf.write(`HELLO 3 AUTH app ${server.secrets.app} SETNAME deaf\r\nCLIENT TRACKING ON BCAST\r\n`)
    await once(deaf, 'data')
    deaf.pause()
    using admin = await RedisAdmin.connect(server)
    const clients = async () => String(await admin.command('CLIENT', 'LIST'))
    assert.match(await clients(), /name=deaf/)
    const names = Array.from({ length: 50 }, (_, i) => 'k'.repeat(100_000) + i)
    const isGone = async () => {
      await Promise.all(names.map((name) => admin.command('SET', name, '')))
      return !(await clients()).includes('name=deaf')
    }
    await waitUntil(isGone, { what: 'the end of its connection', timeoutMs: 30_000, intervalMs: 250 })
  } finally {
    deaf.destroy()
  }
})

test('with aof an acknowledged write survives kill -9, without it nothing does', async () => {
  for (const persistence of ['aof', 'off'] as const) {
    await using server = await startTestRedis({ persistence })
    {
      using app = await clientOf(server, 'app', server.secrets.app)
      await app.set('key', 'value')
    }
    await server.kill()
    await server.start()
    using app = await clientOf(server, 'app', server.secrets.app)
    assert.equal(await app.get('key'), persistence === 'aof' ? 'value' : null)
  }
})

test('a server that is to keep nothing finds nothing either: no old log of writes, and no copy that it began with as a replica', async () => {
  await using server = await startTestRedis({ persistence: 'aof' })
  const keyAt = async (at: TestRedis) => {
    using app = await clientOf(at, 'app', at.secrets.app)
    return await app.get('key')
  }
  {
    using app = await clientOf(server, 'app', server.secrets.app)
    await app.set('key', 'old')
  }
  await using replica = await startTestRedis({ secrets: server.secrets, replicaOf: server })
  await waitUntil(async () => (await keyAt(replica)) === 'old', { what: 'the copy', timeoutMs: 20_000 })
  await replica.kill()
  await replica.start({ replicaOf: undefined })
  assert.equal(await keyAt(replica), null)
  for (const persistence of ['off', 'aof'] as const) {
    await server.kill()
    await server.start({ persistence })
    assert.equal(await keyAt(server), null, persistence)
  }
})

test('full memory evicts under allkeys-lfu and refuses under noeviction', async () => {
  await using server = await startTestRedis({ memory: { bytesMax: 4 * 1024 * 1024, whenFull: 'allkeys-lfu' } })
  const fill = async () => {
    using app = await clientOf(server, 'app', server.secrets.app)
    for (let i = 0; i < 600; i++) await app.set(`key:${i}`, 'x'.repeat(10_000))
  }
  await fill()
  await stopServer(server.pid, 5000)
  await server.start({ memory: { bytesMax: 4 * 1024 * 1024, whenFull: 'noeviction' } })
  await assert.rejects(fill(), /OOM/)
})

test('a fence throws the app out, survives a restart, and can be lowered', async () => {
  await using server = await startTestRedis()
  const app = await clientOf(server, 'app', server.secrets.app)
  await raiseFence(server.files, server)
  await assert.rejects(async () => {
    await app.get('key')
  })
  await assert.rejects(clientOf(server, 'app', server.secrets.app), /WRONGPASS/)
  await server.kill()
  await server.start()
  await assert.rejects(clientOf(server, 'app', server.secrets.app), /WRONGPASS/)
  await lowerFence(server.files, server)
  using back = await clientOf(server, 'app', server.secrets.app)
  assert.equal(await back.get('key'), null)
})
