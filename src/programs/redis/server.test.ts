// What a server promises over its life: only those with a password come in, secrets are readable by nobody else, what
// persists stays, and whoever comes later finds it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createClient } from 'redis'
import { waitUntil } from '../../base/limits.ts'
import { stopServer } from '../directory-server.ts'
import { isProcessAlive } from '../process.ts'
import { freePort } from '../testing.ts'
import { RedisAdmin } from './admin.ts'
import { checkRedis, findRedis } from './binary.ts'
import { lowerFence, raiseFence } from './fence.ts'
import { redisFilesOf } from './files.ts'
import { redisPid, startRedis } from './server.ts'
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

test('secrets stand in files of the server alone and on no command line', async () => {
  await using server = await startTestRedis()
  for (const path of [server.files.configuration, server.files.users])
    assert.equal((await stat(path)).mode & 0o777, 0o600, path)
  assert.equal((await stat(server.files.dir)).mode & 0o777, 0o700)
  const seen = readFileSync(`/proc/${server.pid}/cmdline`, 'utf8') + readFileSync(`/proc/${server.pid}/environ`, 'utf8')
  const users = await readFile(server.files.users, 'utf8')
  for (const secret of Object.values(server.secrets)) {
    assert.ok(!seen.includes(secret))
    assert.ok(!users.includes(secret), 'users.acl has digests only')
  }
  if (process.getuid?.() === 0) assert.notEqual((await stat(`/proc/${server.pid}`)).uid, 0, 'runs as root')
})

test('whoever comes later takes over the server that runs, paused or not, and starts none beside it', async () => {
  await using server = await startTestRedis()
  const { pid } = server
  const again = await startRedis({ ...server, timeoutMs: 5000 })
  assert.deepEqual(again, { pid, isAdopted: true })
  server.signal('SIGSTOP')
  assert.equal(redisPid(server.files), pid)
  await assert.rejects(startRedis({ ...server, timeoutMs: 300 }), { code: 'timeout' })
  server.signal('SIGCONT')
  assert.equal(await stopServer(pid, 5000), 'stopped')
  assert.equal(redisPid(server.files), undefined)
  assert.equal(isProcessAlive(pid), false)
})

test('a pid file of a dead server does not pass another process off as one', async () => {
  await using server = await startTestRedis()
  const { pid } = server
  await server.kill()
  await writeFile(server.files.pid, `${process.pid}\n`)
  assert.equal(redisPid(server.files), undefined)
  await server.start()
  assert.notEqual(server.pid, pid)
})

test('a hanging server is killed after its time', async () => {
  await using server = await startTestRedis()
  server.signal('SIGSTOP')
  assert.equal(await stopServer(server.pid, 100), 'killed')
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

test('a taken port, an unusable value and a missing program are told apart', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-redis-'))
  const taken = createServer()
  try {
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const secrets = testSecrets()
    const files = redisFilesOf(join(dir, 'taken'))
    const settings = {
      address: '127.0.0.1',
      port,
      memory: { bytesMax: 8 * 1024 * 1024, whenFull: 'allkeys-lru' as const },
      persistence: 'off' as const,
    }
    if (process.getuid?.() === 0) {
      // Redis is another user then, and mkdtemp's directory is closed to it.
      await assert.rejects(startRedis({ files, settings, secrets, timeoutMs: 5000 }), /cannot reach/)
      const { chmod } = await import('node:fs/promises')
      await chmod(dir, 0o711)
    }
    await assert.rejects(startRedis({ files, settings, secrets, timeoutMs: 5000 }), { code: 'port-taken' })
    const unusable = { ...settings, port: await freePort(), address: '192.0.2.1' }
    await assert.rejects(startRedis({ files, settings: unusable, secrets, timeoutMs: 5000 }), (error: Error) => {
      assert.match(error.message, /did not start/)
      assert.match(error.message, /192\.0\.2\.1/)
      return true
    })
  } finally {
    taken.close()
    await rm(dir, { recursive: true })
  }
  const { path, version } = await findRedis()
  assert.match(version, /^\d+\.\d+/)
  assert.ok(path.endsWith('redis-server'))
  await assert.rejects(checkRedis('/bin/true'), { code: 'program-missing' })
})
