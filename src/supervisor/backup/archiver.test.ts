// The archive holds, byte for byte, the log that the server has; whatever is killed on the way.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../base/limits.ts'
import { formatLsn, parseLsn } from '../../programs/postgres/lsn.ts'
import { stopServer } from '../../programs/postgres/server.ts'
import {
  connectAs,
  restoreTestPostgres,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
} from '../../programs/postgres/testing.ts'
import { parseSegmentName, segmentBytes, segmentName, segmentStart } from '../../programs/postgres/wal-segment.ts'
import { isProcessAlive } from '../../programs/process.ts'
import { ShardArchive } from './archive.ts'
import { slotName } from './archive-slot.ts'
import { type ArchiverOptions, WalArchiver } from './archiver.ts'
import type { BackupStore } from './store/contract.ts'
import { FolderStore } from './store/folder.ts'

const timeoutMs = 20_000

let postgres: TestPostgres
let dir: string
let archive: ShardArchive
let archiver: WalArchiver
let current: TestPostgres
const told: string[] = []
let gaps = 0

before(async () => {
  postgres = await startTestPostgres()
})
after(() => postgres.stop())
beforeEach(async () => {
  current = postgres
  told.length = 0
  gaps = 0
  dir = await mkdtemp(join(tmpdir(), 'tenfold-archive-'))
  archive = new ShardArchive(new FolderStore(dir), 's1')
  archiver = new WalArchiver(options())
})
afterEach(async () => {
  await archiver.stop()
  await postgres.admin.dropSlot(slotName)
  await rm(dir, { recursive: true, force: true })
})

function options(more: Partial<ArchiverOptions> = {}): ArchiverOptions {
  return {
    archive,
    secrets: postgres.secrets,
    primary: () => ({ id: current.dataDir, address: current.address, port: current.port }),
    replicas: () => [],
    tell: (level, message) => told.push(`${level} ${message}`),
    onGap: () => gaps++,
    partialEveryMs: 50,
    ...more,
  }
}

test('whole segments and the one being written are in the archive, as the server has them', async () => {
  await archiver.start()
  await archived()
  const first = segmentStart((await postgres.admin.state()).writtenLsn)
  await write(40 * 1024 * 1024)
  const last = await archived()
  assert.equal(await compare(first, last), Number(segmentStart(last) - first) / segmentBytes)
  const { segments, partials } = await archive.listWal()
  assert.ok(segments.size >= 2)
  assert.deepEqual([...partials], [segmentName({ timeline: 1, lsn: last })], 'a partial one goes when it is whole')
  await waitUntil(async () => (await confirmed()) >= segmentStart(last), { what: 'the confirmation', timeoutMs })
  const until = archiver.run?.until ?? ''
  await waitUntil(() => Date.parse(archiver.run?.until ?? '') >= Date.parse(until), {
    what: 'time going on',
    timeoutMs,
  })
  assert.equal(archiver.trouble, null)
  assert.deepEqual(told, [])
})

test('an archiver that is killed in the middle of a segment misses nothing', async () => {
  const first = segmentStart((await postgres.admin.state()).writtenLsn)
  for (let round = 0; round < 3; round++) {
    const child = await archiveInProcess()
    await write(9 * 1024 * 1024)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await write(5 * 1024 * 1024)
  }
  await archiver.start()
  const last = await archived()
  assert.ok((await compare(first, last)) >= 2)
  assert.equal(gaps, 0)
})

test('a primary that is killed misses nothing either', async () => {
  await archiver.start()
  await archived()
  const first = segmentStart((await postgres.admin.state()).writtenLsn)
  await write(20 * 1024 * 1024)
  process.kill(postgres.pid, 'SIGKILL')
  await waitUntil(() => !isProcessAlive(postgres.pid), { what: 'its death', timeoutMs })
  await restoreTestPostgres(postgres)
  await write(20 * 1024 * 1024)
  await compare(first, await archived())
  assert.equal(gaps, 0)
})

test('a server that stops in order waits until the last of its log is in the archive', async () => {
  await archiver.stop()
  archiver = new WalArchiver(options({ partialEveryMs: 60_000 }))
  await archiver.start()
  await waitUntil(() => archiver.run?.until, { what: 'the first contact', timeoutMs })
  await write(100_000)
  const { writtenLsn } = await postgres.admin.state()
  await postgres.admin.close()
  const startedAtMs = performance.now()
  await stopServer(postgres.pid, 'fast', timeoutMs)
  assert.ok(performance.now() - startedAtMs < 5000)
  await waitUntil(() => parseLsn(archiver.run?.lsn ?? '0/0') > writtenLsn, {
    what: 'the end of the log',
    timeoutMs: 500,
  })
  await restoreTestPostgres(postgres)
})

test('a store that fails for a while costs two events and no byte of the log', async () => {
  const store = new FlakyStore(archive.store)
  archive = new ShardArchive(store, 's1')
  archiver = new WalArchiver(options())
  await archiver.start()
  await archived()
  const first = segmentStart((await postgres.admin.state()).writtenLsn)
  store.isBroken = true
  await write(20 * 1024 * 1024)
  await waitUntil(() => told.length === 1, { what: 'the event', timeoutMs })
  assert.match(told[0] ?? '', /^warn the log of s1 is not archived: out of order/)
  assert.match(archiver.trouble ?? '', /out of order/)
  store.isBroken = false
  await compare(first, await archived())
  assert.equal(archiver.trouble, null)
  assert.deepEqual(told.slice(1), ['info the log of s1 is archived again'])
  assert.equal(gaps, 0)
})

test('log that was deleted before it was archived is a gap that is told, and archiving goes on behind it', async () => {
  await archiver.start()
  await archived()
  await archiver.stop()
  const before = archiver.run
  await postgres.admin.dropSlot(slotName)
  for (let round = 0; round < 7; round++) {
    await write(20 * 1024 * 1024)
    await postgres.admin.query('SELECT pg_switch_wal()')
    await postgres.admin.checkpoint()
  }
  await archiver.start()
  await waitUntil(() => gaps === 1, { what: 'the gap', timeoutMs })
  await archived()
  assert.match(told.join(), /the archive of s1 has a gap: the database has deleted log .*; a new base backup is due/)
  const runs = (await archive.readState())?.runs ?? []
  assert.equal(runs.length, 2)
  assert.equal(runs[0]?.lsn, before?.lsn)
  assert.ok(parseLsn(runs[1]?.startLsn ?? '') > parseLsn(before?.lsn ?? ''))
})

test('an archive of another database is left alone', async () => {
  await archive.writeState({ systemIdentifier: '1', runs: [] })
  await archiver.start()
  await waitUntil(() => archiver.trouble?.includes('another database'), { what: 'the refusal', timeoutMs })
  assert.deepEqual(await archive.readState(), { systemIdentifier: '1', runs: [] })
})

test('a failover: the log goes on at the new primary and its timeline, from where the archive ended', async () => {
  await using replica = await startTestReplica(postgres, { slot: 'second' })
  archiver = new WalArchiver(options({ replicas: () => (current === postgres ? [{ ...replica, id: 'r' }] : []) }))
  await archiver.start()
  await archived()
  await waitUntil(async () => (await replica.admin.query('SELECT FROM pg_replication_slots')).length === 1, {
    what: "the replica's own slot",
    timeoutMs,
  })
  await archiver.stop()
  // What nobody has archived yet: the new primary has it as a replica, and its slot keeps it there.
  await write(30 * 1024 * 1024)
  const { writtenLsn } = await postgres.admin.state()
  await waitUntil(async () => (await replica.admin.state()).replayedLsn >= writtenLsn, {
    what: 'catching up',
    timeoutMs,
  })
  await replica.admin.promote()
  current = replica
  await archiver.start()
  await write(20 * 1024 * 1024, replica)
  const last = await archived(replica)
  assert.equal(archiver.run?.timeline, 2)
  const { segments, histories } = await archive.listWal()
  assert.deepEqual([...histories], [2])
  const ofTimeline = (timeline: number) => [...segments].filter((name) => parseSegmentName(name)?.timeline === timeline)
  assert.ok(ofTimeline(1).length >= 1 && ofTimeline(2).length >= 1)
  assert.equal((await archive.readState())?.runs.length, 1, 'no gap')
  await compare(segmentStart(last), last, replica, 2)
  // The deposed one is not followed back.
  current = postgres
  await waitUntil(() => archiver.trouble?.includes('deposed'), { what: 'the refusal', timeoutMs })
  assert.equal(archiver.run?.timeline, 2)
})

/** Waits until all that the server wrote is in the archive; answers up to where. */
async function archived(server = current): Promise<bigint> {
  const { writtenLsn, timeline } = await server.admin.state()
  await waitUntil(() => archiver.run?.timeline === timeline && parseLsn(archiver.run.lsn) >= writtenLsn, {
    what: `${formatLsn(writtenLsn)} in the archive`,
    timeoutMs,
  })
  return writtenLsn
}

/** Compares every segment with the server's own file, the last one up to `last`. */
async function compare(first: bigint, last: bigint, server = current, timeline = 1): Promise<number> {
  let count = 0
  for (let lsn = first; lsn <= last; lsn += BigInt(segmentBytes)) {
    const name = segmentName({ timeline, lsn })
    const isWhole = lsn < segmentStart(last)
    const [row] = await server.admin.query<{ content: Buffer }>('SELECT pg_read_binary_file($1) AS content', [
      `pg_wal/${name}`,
    ])
    const length = isWhole ? segmentBytes : Number(last - lsn)
    const stored = isWhole ? await archive.readWalFile(name) : await archive.readPartial(name)
    assert.ok(row?.content.subarray(0, length).equals(stored.subarray(0, length)), `${name} differs`)
    if (isWhole) count++
  }
  return count
}

async function write(bytes: number, server = current): Promise<void> {
  await using owner = await connectAs(server, 'owner')
  await owner.query('CREATE TABLE IF NOT EXISTS filler (content text STORAGE PLAIN)')
  await owner.query(`INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, $1)`, [
    Math.ceil(bytes / 8192),
  ])
  await owner.query('TRUNCATE filler')
}

async function confirmed(): Promise<bigint> {
  const [row] = await postgres.admin.query<{ lsn: string }>(
    'SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
    [slotName],
  )
  return parseLsn(row?.lsn ?? '0/0')
}

/** An archiver in a process of its own, following, so that it can be killed. */
async function archiveInProcess(): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('./testing/archiver-process.ts', import.meta.url))
  const { address, port, secrets } = postgres
  const child = spawn(process.execPath, ['-C', 'source', main, JSON.stringify({ dir, address, port, secrets })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return child
}

/** A store that can be made to fail, as one behind a broken network. */
class FlakyStore implements BackupStore {
  readonly #inner: BackupStore
  isBroken = false

  constructor(inner: BackupStore) {
    this.#inner = inner
  }

  get place() {
    return this.#inner.place
  }

  put: BackupStore['put'] = (name, content) => this.#ask().put(name, content)
  putStream: BackupStore['putStream'] = (name, content) => this.#ask().putStream(name, content)
  get: BackupStore['get'] = (name) => this.#ask().get(name)
  list: BackupStore['list'] = (prefix) => this.#ask().list(prefix)
  delete: BackupStore['delete'] = (name) => this.#ask().delete(name)
  sweep: BackupStore['sweep'] = (beforeMs) => this.#ask().sweep(beforeMs)
  close = () => this.#inner.close()

  #ask(): BackupStore {
    if (this.isBroken) throw new Error('out of order')
    return this.#inner
  }
}
