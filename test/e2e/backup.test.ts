// Backups as an operator has them: by the command line, on the running sample, and after its end.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../src/base/limits.ts'
import type { ArchiveListing, Status } from '../../src/control/api.ts'
import { isProcessAlive } from '../../src/programs/process.ts'
import type { RestoredServer } from '../../src/supervisor/backup/restore/restore.ts'
import type { VerifyReport } from '../../src/supervisor/backup/verify/verify.ts'
import { namesIn, nodesDir, Operator, pause } from '../operator.ts'
import { RunningSystem } from '../running-system.ts'

const timeoutMs = 60_000

let system: RunningSystem
let operator: Operator
let dir: string
let between = ''

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-backups-'))
  system = await RunningSystem.up()
  operator = new Operator(system)
  const topology = join(dir, 'topology.json')
  await writeFile(topology, JSON.stringify({ rung: 1, database: { backup: { to: join(dir, 'backups') } } }))
  await system.tenfold('apply', topology)
})
after(async () => {
  await system?.down()
  await rm(dir, { recursive: true, force: true })
})

test('a system that is told where to begins to archive and takes its first backup by itself', async () => {
  const { backup } = await system.waitStatus(
    'the first backup',
    ({ backup }) => backup?.lastBackupAt != null,
    timeoutMs,
  )
  assert.equal(backup?.to, join(dir, 'backups'))
  assert.equal(backup?.trouble, null)
  assert.ok(Date.parse(backup?.archivedUntil ?? '') > 0)
  assert.match((await system.tenfold('status')).stdout, /backups in .*: the last 20.*, the log until 20/)
  assert.equal((await stat(join(dir, 'backups'))).mode & 0o777, 0o700)
})

test('a backup by hand, and the list of what can be restored', async () => {
  await operator.signUp('Ada')
  const listing = await operator.json<{ shards: ArchiveListing[] }>('db', 'backup')
  assert.equal(listing.shards[0]?.backups.length, 2)
  await pause()
  between = new Date().toISOString()
  await pause()
  await operator.signUp('Bob')
  const until = Date.now()
  const list = await waitUntil(
    async () => {
      const { shards } = await operator.json<{ shards: ArchiveListing[] }>('db', 'restore', '--list')
      return Date.parse(shards[0]?.ranges[0]?.to ?? '') > until && shards
    },
    { what: 'the archive', timeoutMs, intervalMs: 500 },
  )
  assert.deepEqual(await (await system.client()).backups(), list)
})

test('a restore to a time has what was there then, beside the system that goes on', async () => {
  const { servers } = await operator.json<{ servers: RestoredServer[] }>('db', 'restore', '--to', between)
  const [server] = servers
  assert.ok(server)
  assert.deepEqual(await namesIn(system, server), ['Ada'])
  assert.equal((await fetch(`${system.appUrl}/-/ready`)).status, 200)
  const said = await system.tenfold('db', 'restore', '--remove', server.dir)
  assert.match(said.stdout, /stopped and removed/)
  assert.equal(isProcessAlive(server.pid), false)
  await assert.rejects(stat(server.dir))
})

test('a wrong time, a time without zone and a time before the first backup are told apart', async () => {
  const wrong = await system.tryTenfold('db', 'restore', '--to', 'yesterday')
  assert.equal(wrong.code, 2)
  assert.equal((await system.tryTenfold('db', 'restore', '--to', '2026-01-01T00:00:00')).code, 2)
  const early = await system.tryTenfold('db', 'restore', '--to', '2001-01-01T00:00:00Z')
  assert.equal(early.code, 1)
  assert.match(early.stderr, /cannot be restored; there is 20.* to 20/)
  assert.equal((await system.tryTenfold('db', 'backup', '--shard', 's9')).code, 1)
})

test('verify proves the newest backup against the running database, and leaves nothing', async () => {
  const { isSound, shards } = await operator.json<{ isSound: boolean; shards: VerifyReport[] }>('db', 'verify')
  assert.equal(isSound, true)
  assert.ok((shards[0]?.tables ?? 0) > 500 && (shards[0]?.rows ?? 0) > 2)
  assert.deepEqual(
    (await readdir(join(await nodesDir(system)))).filter((name) => name.startsWith('verify')),
    [],
  )
})

test('verify ends with 1 when a backup is damaged', async () => {
  const listing = await operator.json<{ shards: ArchiveListing[] }>('db', 'backup', '--list')
  const file = join(dir, 'backups/s1/base', listing.shards[0]?.backups.at(-1)?.id ?? '', 'base.tar.zst')
  const content = await readFile(file)
  const damaged = Buffer.from(content)
  damaged.writeUInt8(damaged.readUInt8(damaged.length >> 1) ^ 1, damaged.length >> 1)
  await writeFile(file, damaged)
  const said = await system.tryTenfold('db', 'verify')
  assert.equal(said.code, 1)
  assert.match(said.stderr, /damaged/)
  await writeFile(file, content)
})

test('a supervisor that is killed archives on after its return', async () => {
  const { supervisor } = await system.status()
  process.kill(supervisor?.pid ?? 0, 'SIGKILL')
  await operator.signUp('Cleo')
  const since = Date.now()
  await system.tenfold('up', '--detach')
  const isBack = ({ backup }: Status) => Date.parse(backup?.archivedUntil ?? '') > since
  await system.waitStatus('the archive going on', isBack, timeoutMs)
})

test('when nothing is left but the archive and the passwords, everything comes back', async () => {
  await operator.signUp('Dora')
  await system.tenfold('down')
  const lost = await RunningSystem.prepare()
  await copyFile(join(system.dir, 'secrets.json'), join(lost.dir, 'secrets.json'))
  try {
    const into = join(await nodesDir(system), 'brought-back')
    const place = join(dir, 'backups')
    const said = await lost.tenfold('db', 'restore', '--to', 'latest', '--from', place, '--into', into, '--json')
    const [server] = (JSON.parse(said.stdout) as { servers: RestoredServer[] }).servers
    assert.ok(server)
    try {
      assert.deepEqual(await namesIn(system, server), ['Ada', 'Bob', 'Cleo', 'Dora'])
    } finally {
      await lost.tenfold('db', 'restore', '--remove', server.dir)
    }
  } finally {
    await rm(lost.dir, { recursive: true, force: true })
  }
})

test('an interrupted verify leaves no server and no directory', async () => {
  await system.tenfold('up', '--detach')
  const child = spawn(process.execPath, [...system.command, 'db', 'verify', ...system.where], { stdio: 'ignore' })
  const exit = once(child, 'exit')
  const copies = async () => (await readdir(await nodesDir(system))).filter((name) => name.startsWith('verify'))
  await waitUntil(async () => (await copies()).length > 0, { what: 'the copy', timeoutMs, intervalMs: 5 })
  child.kill('SIGINT')
  assert.deepEqual(await exit, [130, null])
  assert.deepEqual(await copies(), [])
})
