// The database as it was at a moment: on real servers, with writes on both sides of it, and across a failover.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { Client } from 'pg'
import { systemClock } from '../../../base/clock.ts'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresAdmin } from '../../../programs/postgres/admin.ts'
import { configureCluster } from '../../../programs/postgres/configure.ts'
import { startServer, stopServer, waitForServer } from '../../../programs/postgres/server.ts'
import {
  connectAs,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
  testDir,
} from '../../../programs/postgres/testing.ts'
import { type BackupRecord, ShardArchive } from '../archive.ts'
import { WalArchiver } from '../archiver.ts'
import { FolderStore } from '../store/folder.ts'
import { takeBackup } from '../take-backup.ts'
import { restorableRanges } from './plan-restore.ts'
import { readContent } from './read-content.ts'
import { type RestoredServer, type RestoreOptions, removeRestored, restore } from './restore.ts'

const timeoutMs = 30_000

let postgres: TestPostgres
let current: TestPostgres
let dir: string
let restoreDir: string
let archive: ShardArchive
let archiver: WalArchiver
const restored: RestoredServer[] = []

before(async () => {
  postgres = await startTestPostgres()
  current = postgres
  dir = await mkdtemp(join(tmpdir(), 'tenfold-restore-'))
  restoreDir = await testDir()
  archive = new ShardArchive(new FolderStore(dir), 's1')
  archiver = new WalArchiver({
    archive,
    secrets: postgres.secrets,
    primary: () => ({ id: current.dataDir, address: current.address, port: current.port }),
    replicas: () => [],
    tell: (_level, message) => console.log(message),
    onGap: () => assert.fail('a gap'),
    partialEveryMs: 50,
  })
  await archiver.start()
  await waitUntil(() => archiver.run?.until, { what: 'the first contact', timeoutMs })
  await using owner = await connectAs(postgres, 'owner')
  await owner.query('CREATE TABLE notes (id int PRIMARY KEY, word text)')
})
afterEach(async () => {
  for (const { dir } of restored.splice(0)) await removeRestored(dir)
  assert.deepEqual(await readdir(restoreDir), [], 'nothing is left')
})
after(async () => {
  await archiver.stop()
  await postgres.stop()
  await rm(dir, { recursive: true, force: true })
  await rm(restoreDir, { recursive: true, force: true })
})

test('a restore to a time between two writes has the first and not the second', async () => {
  await write(1, 'before the backup')
  const backup = await backUp()
  assert.equal(backup.storedBytes < backup.bytes, true)
  await write(2, 'first')
  const between = await moment()
  await write(3, 'second')
  await archiveAll()
  const server = await restoreTo({ time: between })
  assert.deepEqual(await idsIn(server), [1, 2])
  assert.ok(server.lastCommitAt !== null && Date.parse(server.lastCommitAt) <= between.getTime())
  assert.equal(server.backup, backup.id)
  assert.equal(server.timeline, 1)
})

test('a restored server keeps the app out, is writable for the superuser, and nobody else can enter its directory', async () => {
  const server = await restoreTo('latest')
  const app = new Client({
    ...{ host: server.address, port: server.port, database: 'app' },
    ...{ user: 'app', password: postgres.secrets.app },
  })
  await assert.rejects(app.connect(), { code: '28000' })
  await using admin = await PostgresAdmin.connect({ ...server, secrets: postgres.secrets, database: 'app' })
  await admin.query('INSERT INTO notes VALUES (1000)')
  assert.equal((await stat(server.dir)).mode & 0o777, 0o700)
  assert.deepEqual((await readdir(server.dir)).sort(), ['data', 'log'])
  const configuration = await readFile(join(server.dataDir, 'postgresql.auto.conf'), 'utf8')
  assert.doesNotMatch(configuration, /restore_command/)
})

test('a restore to now, on a database where nothing happens, has everything', async () => {
  await write(4, 'the last one')
  const quiet = await moment()
  await archiveAll()
  await waitUntil(() => Date.parse(archiver.run?.until ?? '') > quiet.getTime(), {
    what: 'the archive knowing that nothing came',
    timeoutMs: 60_000,
  })
  const server = await restoreTo({ time: quiet })
  assert.deepEqual(await idsIn(server), [1, 2, 3, 4])
})

test('times that are not archived are refused, with those that are', async () => {
  const { from, to } = restorableRanges(await readContent(archive))[0] ?? { from: '', to: '' }
  for (const time of [new Date(Date.parse(from) - 1000), new Date(Date.now() + 60_000)])
    await assert.rejects(restoreTo({ time }), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'not-found')
      assert.ok(error.message.includes(from), error.message)
      return true
    })
  assert.ok(from < to)
})

test('a damaged base backup, a damaged segment and a missing one are told, and not restored', async () => {
  await archiveAll()
  const [backup] = await archive.listBackups()
  const base = join(dir, archive.backupFile(backup?.id ?? '', 'base.tar.zst'))
  await damaged(base, () => assert.rejects(restoreTo('latest'), { code: 'program-failed', message: /damaged/ }))
  await switchSegment()
  const segments = [...(await archive.listWal()).segments].sort()
  const segment = join(dir, 's1/wal', `${segments.at(-1)}.zst`)
  await damaged(segment, () => assert.rejects(restoreTo('latest'), { code: 'program-failed', message: /damaged/ }))
  const content = await readFile(segment)
  await rm(segment)
  const to = new Date(archiver.run?.until ?? '')
  await assert.rejects(restoreTo({ time: to }), { code: 'program-failed', message: /lacks 0000000100/ })
  await writeFile(segment, content)
})

test('a place that is taken is left alone', async () => {
  const taken = join(restoreDir, 'taken')
  await writeFile(taken, 'mine')
  await assert.rejects(restore(optionsFor('latest', taken)), { code: 'conflict' })
  assert.equal(await readFile(taken, 'utf8'), 'mine')
  await rm(taken)
})

test('after a failover there are both sides of it, and the writes that were lost are on neither', async () => {
  await using replica = await startTestReplica(postgres, { slot: 'second' })
  await write(10, 'on both')
  const before = await moment()
  const { writtenLsn } = await postgres.admin.state()
  await waitUntil(async () => (await replica.admin.state()).replayedLsn >= writtenLsn, {
    what: 'catching up',
    timeoutMs,
  })
  // The replica hears nothing more; what the old primary still takes is archived, too, and lost by the failover.
  await stopServer(replica.pid, 'fast', timeoutMs)
  await write(11, 'lost')
  const lostAt = await moment()
  await write(12, 'lost, too')
  await archiveAll()
  await restart(replica)
  await replica.admin.promote()
  current = replica
  await write(13, 'after the failover')
  const afterwards = await moment()
  const backup = await backUp()
  await write(14, 'later')
  await archiveAll()
  assert.equal(archiver.run?.timeline, 2)

  assert.deepEqual(await idsIn(await restoreTo({ time: before })), [1, 2, 3, 4, 10])
  const later = await restoreTo({ time: afterwards })
  assert.deepEqual(await idsIn(later), [1, 2, 3, 4, 10, 13])
  assert.equal(later.timeline, 2)
  const latest = await restoreTo('latest')
  assert.deepEqual(await idsIn(latest), [1, 2, 3, 4, 10, 13, 14])
  assert.equal(latest.backup, backup.id)
  const branch = await restoreTo({ time: lostAt }, 1)
  assert.deepEqual(await idsIn(branch), [1, 2, 3, 4, 10, 11], 'the branch that was left, when it is asked for')
  current = postgres
})

async function write(id: number, word: string): Promise<void> {
  await using owner = await connectAs(current, 'owner')
  await owner.query('INSERT INTO notes VALUES ($1, $2)', [id, word])
}

/** A moment that no commit shares: times are compared in milliseconds. */
async function moment(): Promise<Date> {
  await systemClock.sleep(20)
  const now = new Date()
  await systemClock.sleep(20)
  return now
}

async function archiveAll(): Promise<void> {
  const { timeline, writtenLsn } = await current.admin.state()
  await archiver.waitFor({ timeline, lsn: writtenLsn }, timeoutMs)
  const nowMs = Date.now()
  await current.admin.query("SELECT pg_logical_emit_message(false, 'test', 'more log', true)")
  await waitUntil(() => Date.parse(archiver.run?.until ?? '') >= nowMs, { what: 'the archive', timeoutMs })
}

async function switchSegment(): Promise<void> {
  await current.admin.query('SELECT pg_switch_wal()')
  await archiveAll()
}

async function backUp(): Promise<BackupRecord> {
  return takeBackup({
    archive,
    source: { id: 'us-east/postgres-1', address: current.address, port: current.port },
    secrets: postgres.secrets,
    systemIdentifier: (await archive.readState())?.systemIdentifier ?? '',
    waitArchived: (position) => archiver.waitFor(position, timeoutMs),
  })
}

function optionsFor(target: RestoreOptions['target'], place: string, timeline?: number): RestoreOptions {
  return { archive, target, dir: place, secrets: postgres.secrets, ...(timeline !== undefined && { timeline }) }
}

let restores = 0
async function restoreTo(target: RestoreOptions['target'], timeline?: number): Promise<RestoredServer> {
  const server = await restore(optionsFor(target, join(restoreDir, String(++restores)), timeline))
  restored.push(server)
  return server
}

async function idsIn(server: RestoredServer): Promise<number[]> {
  await using admin = await PostgresAdmin.connect({ ...server, secrets: postgres.secrets, database: 'app' })
  return (await admin.query<{ id: number }>('SELECT id FROM notes ORDER BY id')).map(({ id }) => id)
}

/** Flips a bit in the middle of a file while something is tried. */
async function damaged(file: string, work: () => Promise<void>): Promise<void> {
  const content = await readFile(file)
  const changed = Buffer.from(content)
  const middle = changed.length >> 1
  changed.writeUInt8(changed.readUInt8(middle) ^ 1, middle)
  await writeFile(file, changed)
  await work()
  await writeFile(file, content)
}

/** Started again, it follows nobody: its primary's address is a lie. */
async function restart(replica: TestPostgres): Promise<void> {
  const { address, port, secrets, dataDir, logFile, connectionsMax } = replica
  const follow = { address, port: 1, password: secrets.replicator, slot: 'second' }
  await configureCluster({ dataDir, address, port, connectionsMax, follow })
  const { pid } = await startServer({ dataDir, logFile })
  await waitForServer({ address, port, secrets, pid, timeoutMs })
  await replica.admin.close()
  replica.admin = await PostgresAdmin.connect({ address, port, secrets })
  replica.pid = pid
}
