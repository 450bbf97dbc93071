// What holds for every server that has a directory of its own, shown of each: its secrets stay there, whoever comes later finds
// it, also when whoever started it was gone before anybody knew its pid, and what keeps it from its start is told.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { type StartedServer, stopServer } from './directory-server.ts'
import type { ServerFiles } from './find-server.ts'
import { checkNats, findNats } from './nats/binary.ts'
import { natsPid, startNats } from './nats/server.ts'
import { startTestNats } from './nats/testing.ts'
import { isProcessAlive } from './process.ts'
import { checkRedis, findRedis } from './redis/binary.ts'
import { redisPid, startRedis } from './redis/server.ts'
import { startTestRedis } from './redis/testing.ts'
import type { FoundProgram } from './system-program.ts'
import { type Address, freePort, type TestServer } from './testing.ts'

const timeoutMs = 30_000

// Most of it is waiting.
describe('a server with a directory', { concurrency: 2 }, () => {
  describe('Redis', () =>
    keepsItsPromises({
      ...{ file: 'redis-server', module: './redis/server.ts', start: startRedis, pidOf: redisPid },
      ...{ startTest: startTestRedis, find: findRedis, check: checkRedis },
    }))
  describe('NATS', () =>
    keepsItsPromises({
      ...{ file: 'nats-server', module: './nats/server.ts', start: startNats, pidOf: natsPid },
      ...{ startTest: startTestNats, find: findNats, check: checkNats },
    }))
})

function keepsItsPromises<Settings extends Address, Secrets extends object, Files extends ServerFiles>({
  file,
  module,
  start,
  pidOf,
  startTest,
  find,
  check,
}: {
  file: string
  /** Has `start`, for a process of its own. */
  module: string
  start(server: { files: Files; settings: Settings; secrets: Secrets; timeoutMs: number }): Promise<StartedServer>
  pidOf(files: Files): number | undefined
  startTest(changes?: { secrets?: Secrets }): Promise<TestServer<Settings, Secrets, Files>>
  find(): Promise<FoundProgram>
  check(path: string): Promise<FoundProgram>
}): void {
  test('secrets stand in a file of the server alone and on no command line', async () => {
    await using server = await startTest()
    const { dir, configuration, pid } = server.files
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777
    assert.equal(await modeOf(dir), 0o700)
    const entries = await readdir(dir, { withFileTypes: true })
    const own = entries.filter((entry) => entry.isFile()).map(({ name }) => join(dir, name))
    for (const path of own) if (path !== pid) assert.equal(await modeOf(path), 0o600, path)
    const telling: string[] = []
    for (const path of [...own, `/proc/${server.pid}/cmdline`, `/proc/${server.pid}/environ`]) {
      const text = await readFile(path, 'utf8')
      if (Object.values(server.secrets).some((secret) => text.includes(secret))) telling.push(path)
    }
    assert.deepEqual(telling, [configuration])
    if (process.getuid?.() === 0) assert.notEqual((await stat(`/proc/${server.pid}`)).uid, 0, 'runs as root')
  })

  test('whoever comes later takes over the server that runs, paused or not, and starts none beside it', async () => {
    await using server = await startTest()
    const { files, settings, secrets, pid } = server
    assert.deepEqual(await start({ files, settings, secrets, timeoutMs }), { pid, isAdopted: true })
    server.signal('SIGSTOP')
    assert.equal(pidOf(files), pid)
    await assert.rejects(start({ files, settings, secrets, timeoutMs: 300 }), { code: 'timeout' })
    server.signal('SIGCONT')
    assert.equal(await stopServer(pid, timeoutMs), 'stopped')
    assert.equal(pidOf(files), undefined)
    assert.equal(isProcessAlive(pid), false)
  })

  test('a server that stands still is killed, and the pid that it left passes no other process off as one', async () => {
    await using server = await startTest()
    const { files, pid } = server
    server.signal('SIGSTOP')
    assert.equal(await stopServer(pid, 100), 'killed')
    await writeFile(files.pid, `${process.pid}\n`)
    assert.equal(pidOf(files), undefined)
    await server.start()
    assert.notEqual(server.pid, pid)
  })

  test('one whose starter was killed before its pid was written down is taken over', async () => {
    await using server = await startTest()
    const { files, settings, secrets } = server
    const options = { files, settings, secrets, timeoutMs }
    await stopServer(server.pid, timeoutMs)
    const left = await startAndDie(module, start.name, options)
    try {
      await rm(files.pid, { force: true }) // on a slow machine the server may have been quicker than its starter's end
      assert.equal(pidOf(files), left)
      server.signal('SIGCONT')
      assert.deepEqual(await start(options), { pid: left, isAdopted: true })
    } finally {
      await stopServer(left, 0)
    }
  })

  test('another program that works in its directory is not taken for it', async () => {
    await using server = await startTest()
    const { dir, configuration } = server.files
    await server.kill()
    const reader = spawn('tail', ['-f', configuration, file], { cwd: dir, stdio: 'ignore' })
    try {
      await once(reader, 'spawn')
      assert.equal(pidOf(server.files), undefined)
    } finally {
      reader.kill()
    }
  })

  test('a taken port, an unusable address and a missing program are told apart', async () => {
    await using server = await startTest()
    await using other = await startTest({ secrets: server.secrets })
    await server.kill()
    const { files, settings, secrets } = server
    const startAt = (address: string, port: number) =>
      start({ files, settings: { ...settings, address, port }, secrets, timeoutMs })
    const taken = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    try {
      await once(taken, 'listening')
      const { port } = taken.address() as AddressInfo
      for (const one of [port, other.port]) await assert.rejects(startAt('127.0.0.1', one), { code: 'port-taken' })
      await assert.rejects(startAt('192.0.2.1', await freePort()), { message: /did not start[\s\S]*192\.0\.2\.1/ })
      if (process.getuid?.() === 0) {
        // The server is another user then, and does not come through a directory that is closed to it.
        await chmod(dirname(files.dir), 0o700)
        await assert.rejects(startAt('127.0.0.1', settings.port), /cannot reach/)
      }
    } finally {
      taken.close()
    }
    const { path, version } = await find()
    assert.match(version, /^\d+\.\d+/)
    assert.ok(path.endsWith(file))
    await assert.rejects(check('/bin/true'), { code: 'program-missing', message: RegExp(`apt install ${file}`) })
  })
}

test('where no process tells its directory, a server is known by its command line', async () => {
  await using redis = await startTestRedis()
  await using other = await startTestRedis()
  await using nats = await startTestNats()
  const pids = [redis.pid, other.pid, nats.pid]
  for (const { files } of [redis, other, nats]) await rm(files.pid)
  const { platform } = process
  Object.defineProperty(process, 'platform', { value: 'darwin' })
  try {
    assert.deepEqual([redisPid(redis.files), redisPid(other.files), natsPid(nats.files)], pids)
    assert.equal(redisPid({ ...redis.files, configuration: '/nowhere/redis.conf' }), undefined)
  } finally {
    Object.defineProperty(process, 'platform', { value: platform })
  }
})

/** Starts a server, and is gone as soon as that is a process, which stands still from its first moments on. */
const starter = `import { subscribe } from 'node:diagnostics_channel'
import { writeSync } from 'node:fs'
const [module, name, options] = process.argv.slice(1)
const die = (child) => {
  if (child.spawnargs.includes('--version')) return
  process.kill(child.pid, 'SIGSTOP')
  writeSync(1, String(child.pid))
  process.kill(process.pid, 'SIGKILL')
}
subscribe('child_process', ({ process: child }) => process.nextTick(die, child))
await (await import(module))[name](JSON.parse(options))`

async function startAndDie(module: string, start: string, options: object): Promise<number> {
  const words = ['--input-type=module', '-e', starter, new URL(module, import.meta.url).href, start]
  const killed = spawn(process.execPath, [...words, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [[said], [, signal]] = await Promise.all([once(killed.stdout, 'data'), once(killed, 'exit')])
  assert.equal(signal, 'SIGKILL')
  return Number(said)
}
