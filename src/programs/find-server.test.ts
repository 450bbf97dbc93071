// A server is found by its directory, also when whoever started it was gone before anybody knew its pid.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { stopServer } from './directory-server.ts'
import { natsPid, startNats } from './nats/server.ts'
import { startTestNats } from './nats/testing.ts'
import { redisPid, startRedis } from './redis/server.ts'
import { startTestRedis } from './redis/testing.ts'

const timeoutMs = 30_000

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

test('Redis whose starter was killed before its pid was written down is taken over', async () => {
  await using server = await startTestRedis()
  const { files, settings, secrets } = server
  await stopServer(server.pid, timeoutMs)
  const left = await startAndDie('./redis/server.ts', 'startRedis', { files, settings, secrets, timeoutMs })
  try {
    await rm(files.pid, { force: true }) // on a slow machine the server may have been quicker than its starter's end
    assert.equal(redisPid(files), left)
    server.signal('SIGCONT')
    assert.deepEqual(await startRedis({ files, settings, secrets, timeoutMs }), { pid: left, isAdopted: true })
  } finally {
    await stopServer(left, 0)
  }
})

test('NATS whose starter was killed before its pid was written down is taken over', async () => {
  await using server = await startTestNats()
  const { files, settings, secrets } = server
  await stopServer(server.pid, timeoutMs)
  const left = await startAndDie('./nats/server.ts', 'startNats', { files, settings, secrets, timeoutMs })
  try {
    await rm(files.pid, { force: true })
    assert.equal(natsPid(files), left)
    server.signal('SIGCONT')
    assert.deepEqual(await startNats({ files, settings, secrets, timeoutMs }), { pid: left, isAdopted: true })
  } finally {
    await stopServer(left, 0)
  }
})

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

test('another program that works in the directory of a server is not taken for it', async () => {
  await using server = await startTestRedis()
  const { files } = server
  await server.kill()
  const reader = spawn('tail', ['-f', files.configuration, 'redis-server'], { cwd: files.dir, stdio: 'ignore' })
  try {
    await once(reader, 'spawn')
    assert.equal(redisPid(files), undefined)
  } finally {
    reader.kill()
  }
})
