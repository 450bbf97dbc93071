// HAProxy as a program: found, checked, started, told, reloaded, stopped; and what is said when one of these fails.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, BoundSocket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { describeError } from '../../base/errors.ts'
import { findHaproxy, type HaproxyBinary } from './binary.ts'
import { haproxyFilesOf, makeHaproxyDirs } from './files.ts'
import { findInstance, HaproxyInstance } from './instance.ts'
import { stopLeftHaproxy } from './left.ts'
import { numberIn, parseStats } from './stats.ts'
import { parseProcesses } from './workers.ts'

const missing = await findHaproxy().then(() => undefined, describeError)
const skip = process.env['CI'] === 'true' ? false : missing

test('where there is none, the error says how to get it', async (t) => {
  const dir = await temporaryDir(t)
  await assert.rejects(findHaproxy([dir]), {
    code: 'program-missing',
    message: /apt install haproxy.*brew install haproxy/,
  })
})

test('one that is too old, or something else of that name, is not taken', async (t) => {
  const dir = await temporaryDir(t)
  const says = (text: string) => writeFile(join(dir, 'haproxy'), `#!/bin/sh\necho '${text}'\n`, { mode: 0o755 })
  await says('HAProxy version 2.4.22 2023/02/14')
  await assert.rejects(findHaproxy([dir]), { code: 'program-missing', message: /is 2\.4\.22, and 2\.6 or newer/ })
  await says('hello')
  await assert.rejects(findHaproxy([dir]), { code: 'program-missing', message: /is not HAProxy/ })
  await says('HAProxy version 3.1.2-1 2025/01/01')
  assert.equal((await findHaproxy([dir])).version, '3.1.2')
})

test('a configuration that does not hold is refused with what HAProxy says of it', { skip }, async (t) => {
  const { start } = await openProgram(t)
  await assert.rejects(start('global\n    nonsense\n'), { code: 'bad-input', message: /unknown keyword 'nonsense'/ })
})

test('a port of another program is said', { skip }, async (t) => {
  const { start, configuration } = await openProgram(t)
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  await assert.rejects(start(configuration(`bind 127.0.0.1:${port}`)), { code: 'port-taken' })
})

test('started, told, found by another, reloaded, stopped', { skip }, async (t) => {
  const { start, configuration, binary, files } = await openProgram(t)
  const bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
  t.after(() => bound.close())
  const instance = await start(configuration('bind fd@3'), [bound.fd()])
  const { masterPid, current } = await instance.workers()
  assert.equal(masterPid, instance.masterPid)
  assert.equal(await statusAt(bound), 200)

  const found = await findInstance(binary, files)
  assert.equal(found?.masterPid, masterPid)
  await found?.reload(configuration('bind fd@3', 201), { descriptors: 1 })
  assert.notEqual((await instance.workers()).current, current)
  assert.equal(await statusAt(bound), 201)

  // What does not hold changes nothing.
  await assert.rejects(instance.reload('nonsense', { descriptors: 1 }), { code: 'bad-input' })
  assert.equal(await statusAt(bound), 201)
  await assert.rejects(instance.tell('set weight none/none 1'), { code: 'program-failed', message: /No such backend/i })

  await stopLeftHaproxy(files.dir)
  assert.equal(instance.isAlive, false)
  assert.equal(await findInstance(binary, files), undefined)
  await stopLeftHaproxy(files.dir)
})

test('below a deep directory the sockets have short paths all the same', () => {
  const { masterSocket, runtimeSocket, configuration } = haproxyFilesOf(`/tmp/${'deep/'.repeat(40)}`)
  for (const path of [masterSocket, runtimeSocket]) assert.ok(path.length < 90, path)
  assert.match(configuration, /deep\/haproxy\.cfg$/)
})

test('a directory that others can enter is not used', async (t) => {
  const dir = await temporaryDir(t)
  await chmod(dir, 0o755)
  await assert.rejects(makeHaproxyDirs(haproxyFilesOf(dir)), { code: 'unauthorized' })
  await chmod(dir, 0o700)
  await makeHaproxyDirs(haproxyFilesOf(dir))
})

test('its statistics are read, quotes and all', () => {
  const rows = parseStats('# pxname,svname,last_chk,stot,\nservers,a,"said ""no"", twice",7,\nservers,b,,,\n')
  assert.equal(rows[0]?.get('last_chk'), 'said "no", twice')
  assert.equal(rows[0] && numberIn(rows[0], 'stot'), 7)
  assert.equal(rows[1] && numberIn(rows[1], 'stot'), 0)
})

test('its processes are read, between two workers too', () => {
  const text =
    '#<PID> <type>\n1 master 2 [failed: 0] 0d\n# workers\n# old workers\n7 worker 1 0d\n8 worker 2 0d\n# programs\n'
  assert.deepEqual(parseProcesses(text), { masterPid: 1, current: undefined, old: [7, 8] })
  assert.equal(parseProcesses(text.replace('# workers\n', '# workers\n9 worker 0 0d\n')).current, 9)
})

async function openProgram(t: TestContext) {
  const binary: HaproxyBinary = await findHaproxy()
  const files = haproxyFilesOf(await temporaryDir(t))
  t.after(() => stopLeftHaproxy(files.dir))
  const start = (configuration: string, descriptors: number[] = []) =>
    HaproxyInstance.start({ binary, files, configuration, descriptors })
  const configuration = (bind: string, status = 200) =>
    [
      `global\n    stats socket ${files.runtimeSocket} mode 600 level admin expose-fd listeners\n    noreuseport`,
      'defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 1s',
      `frontend front\n    ${bind}\n    http-request return status ${status} content-type text/plain string "x"\n`,
    ].join('\n')
  return { binary, files, start, configuration }
}

async function temporaryDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-haproxy-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

async function statusAt(bound: BoundSocket): Promise<number> {
  return (await fetch(`http://127.0.0.1:${bound.address().port}/`, { headers: { connection: 'close' } })).status
}
