// What a server promises over its life: only those with a password come in, secrets are readable by nobody else, what was
// acknowledged stays, and whoever comes later finds it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { stopServer } from '../directory-server.ts'
import { freePort } from '../testing.ts'
import { NatsAdmin } from './admin.ts'
import { checkNats, findNats } from './binary.ts'
import { configurationOf } from './configuration.ts'
import { natsFilesOf } from './files.ts'
import { natsPid, startNats } from './server.ts'
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

test('secrets stand in a file of the server alone and on no command line', async () => {
  await using server = await startTestNats()
  assert.equal((await stat(server.files.configuration)).mode & 0o777, 0o600)
  assert.equal((await stat(server.files.dir)).mode & 0o777, 0o700)
  const seen = readFileSync(`/proc/${server.pid}/cmdline`, 'utf8') + readFileSync(`/proc/${server.pid}/environ`, 'utf8')
  const logged = await readFile(server.files.log, 'utf8')
  for (const secret of Object.values(server.secrets)) assert.ok(!(seen + logged).includes(secret))
  if (process.getuid?.() === 0) assert.notEqual((await stat(`/proc/${server.pid}`)).uid, 0, 'runs as root')
})

test('whoever comes later takes over the server that runs, paused or not, and starts none beside it', async () => {
  await using server = await startTestNats()
  const { pid } = server
  assert.deepEqual(await startNats({ ...server, timeoutMs: 5000 }), { pid, isAdopted: true })
  server.signal('SIGSTOP')
  assert.equal(natsPid(server.files), pid)
  await assert.rejects(startNats({ ...server, timeoutMs: 300 }), { code: 'timeout' })
  assert.equal(await stopServer(pid, 100), 'killed', 'one that stands still')
  assert.equal(natsPid(server.files), undefined)
  await writeFile(server.files.pid, `${process.pid}\n`)
  assert.equal(natsPid(server.files), undefined, 'the pid of another program')
  await server.start()
  assert.equal(await stopServer(server.pid, 10_000), 'stopped')
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

test('a taken port, an unusable address and a missing program are told apart', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-nats-'))
  const taken = createServer((socket) => socket.destroy())
  try {
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const [secrets, files] = [testSecrets(), natsFilesOf(join(dir, 'taken'))]
    const settings = { address: '127.0.0.1', port, name: 'taken' }
    if (process.getuid?.() === 0) {
      // NATS is another user then, and mkdtemp's directory is closed to it.
      await assert.rejects(startNats({ files, settings, secrets, timeoutMs: 5000 }), /cannot reach/)
      await chmod(dir, 0o711)
    }
    await assert.rejects(startNats({ files, settings, secrets, timeoutMs: 20_000 }), { code: 'port-taken' })
    const unusable = { ...settings, port: await freePort(), address: '192.0.2.1' }
    await assert.rejects(startNats({ files, settings: unusable, secrets, timeoutMs: 20_000 }), (error: Error) => {
      assert.match(error.message, /did not start/)
      assert.match(error.message, /192\.0\.2\.1/)
      return true
    })
    await using other = await startTestNats({ secrets })
    const same = { ...settings, port: other.port }
    await assert.rejects(startNats({ files, settings: same, secrets, timeoutMs: 20_000 }), { code: 'port-taken' })
  } finally {
    taken.close()
    await rm(dir, { recursive: true })
  }
  const { path, version } = await findNats()
  assert.match(version, /^\d+\.\d+/)
  assert.ok(path.endsWith('nats-server'))
  await assert.rejects(checkNats('/bin/true'), { code: 'program-missing', message: /apt install nats-server/ })
})
