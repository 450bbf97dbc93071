// What the topology says of backups is what happens: where, how often, for how long; and no trace of them where it says nothing.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { pino } from 'pino'
import { waitUntil } from '../../base/limits.ts'
import { type Home, homeOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { configureCluster } from '../../programs/postgres/configure.ts'
import { startServer, stopServer, waitForServer } from '../../programs/postgres/server.ts'
import { connectAs, startTestPostgres, startTestReplica, type TestPostgres } from '../../programs/postgres/testing.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { EventLog } from '../events.ts'
import { MapKeeper } from '../map-keeper.ts'
import { ShardArchive } from './archive.ts'
import { slotName } from './archive-slot.ts'
import { Backups } from './backups.ts'
import { FolderStore } from './store/folder.ts'

const timeoutMs = 30_000

let primary: TestPostgres
let replica: TestPostgres
let dir: string
let home: Home
let keeper: MapKeeper
let events: EventLog
let backups: Backups

before(async () => {
  primary = await startTestPostgres()
  replica = await startTestReplica(primary, { slot: 'us_east_postgres_2' })
})
after(async () => {
  await replica.stop()
  await primary.stop()
})
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-backups-'))
  home = homeOf(join(dir, 'state'))
  await mkdir(home.dir)
  keeper = new MapKeeper(home, mapOf())
  events = new EventLog(pino({ level: 'silent' }))
  const secrets = {
    postgres: primary.secrets,
    redis: { admin: '', app: '', replica: '' },
    nats: { admin: '', app: '', route: '' },
    cookieKeys: [],
    controlToken: '',
  }
  backups = new Backups({ keeper, events, secrets })
})
afterEach(async () => {
  await backups.stop()
  for (const { admin } of [primary, replica]) await admin.dropSlot(slotName)
  await rm(dir, { recursive: true, force: true })
})

test('without a place nothing is kept, and asking for a backup says what to do', async () => {
  await backups.start()
  assert.equal(backups.status(), null)
  assert.throws(() => backups.begin(), { code: 'bad-input', message: /database\.backup\.to/ })
  await assert.rejects(backups.list(), { code: 'bad-input' })
  assert.deepEqual(await slots(), [0, 0])
})

test('the first backup comes by itself, from a replica, and the next when it is due or asked for', async () => {
  await setBackup({ to: 'here' })
  await backups.start()
  const first = await nextBackup('')
  assert.equal(backups.status()?.to, join(dir, 'here'), 'a relative place is beside the topology')
  await waitUntil(async () => (await slots()).join() === '1,1', { what: 'slots on both', timeoutMs })
  const archive = new ShardArchive(new FolderStore(join(dir, 'here')), 's1')
  assert.equal((await archive.listBackups())[0]?.source, 'us-east/postgres-2')
  assert.deepEqual(backups.begin(), ['s1'])
  const second = await nextBackup(first)
  await setBackup({ to: 'here', everyMs: 1000 })
  await nextBackup(second)
  assert.throws(() => backups.begin('s9'), { code: 'not-found' })
})

test('what is older than the window goes, and what is left can be restored', async () => {
  await setBackup({ to: 'here', keepMs: 0, everyMs: 3_600_000 })
  await backups.start()
  let last = await nextBackup('')
  const archive = new ShardArchive(new FolderStore(join(dir, 'here')), 's1')
  const oldest = [...(await archive.listWal()).segments, ...(await archive.listWal()).partials].sort()[0]
  await writeSegments(3)
  // A backup begins at the last checkpoint, on a replica at the last that it has replayed.
  await primary.admin.checkpoint()
  const { writtenLsn } = await primary.admin.state()
  await waitUntil(async () => (await replica.admin.state()).replayedLsn >= writtenLsn, { what: 'replay', timeoutMs })
  for (let round = 0; round < 3; round++) {
    backups.begin()
    last = await nextBackup(last)
  }
  // The window has no length: of all backups only the newest that is older than now is needed.
  const listing = await waitUntil(
    async () => {
      const [shard] = await backups.list()
      return shard?.backups.length === 1 && shard
    },
    { what: 'the old ones going', timeoutMs },
  )
  assert.equal(listing.backups[0]?.finishedAt, last)
  const isLogGone = async () => {
    const { segments, partials } = await archive.listWal()
    return ![...segments, ...partials].includes(oldest ?? '')
  }
  await waitUntil(isLogGone, { what: 'the log before it going, too', timeoutMs })
  assert.match(
    events
      .recent()
      .map(({ message }) => message)
      .join('\n'),
    /backups of s1 that are too old are gone/,
  )
})

test('another place is another archive, and no place ends it without a slot left behind', async () => {
  await setBackup({ to: 'here' })
  await backups.start()
  const first = await nextBackup('')
  await setBackup({ to: 'there' })
  await nextBackup(first)
  assert.equal(backups.status()?.to, join(dir, 'there'))
  await waitUntil(async () => (await slots()).join() === '1,1', { what: 'slots on both', timeoutMs })
  await setBackup({})
  await waitUntil(async () => (await slots()).join() === '0,0', { what: 'the slots going', timeoutMs })
  assert.equal(backups.status(), null)
})

test('a place that cannot be is trouble that is told once, and the way out of it is another place', async () => {
  await setBackup({ to: 's3://bucket' }) // and no keys
  await backups.start()
  await waitUntil(() => backups.status()?.trouble?.includes('AWS_ACCESS_KEY_ID'), { what: 'the trouble', timeoutMs })
  await setBackup({ to: 'here' })
  await nextBackup('')
  assert.equal(backups.status()?.trouble, null)
  const warnings = events.recent().filter(({ level }) => level === 'warn')
  assert.equal(warnings.length, 1, JSON.stringify(warnings))
})

test('when the only backup is of a branch that a failover left behind, another one is taken at once', async () => {
  await using successor = await startTestReplica(primary, { slot: 'us_east_postgres_3' })
  // It hears nothing more of the primary, which alone is backed up.
  await successor.admin.close()
  await stopServer(successor.pid, 'fast', timeoutMs)
  await setBackup({ to: 'here', everyMs: 3_600_000 })
  await keeper.change(({ shards: [shard] }) => shard && Object.assign(shard, { replicas: [] }))
  await writeSegments(1)
  await backups.start()
  const first = await nextBackup('')
  const { address, port, secrets, dataDir, logFile } = successor
  const follow = { address, port: 1, password: secrets.replicator } // a primary that is not there
  await configureCluster({ dataDir, address, port, connectionsMax: 50, follow })
  const { pid } = await startServer({ dataDir, logFile })
  await waitForServer({ address, port, secrets, pid, timeoutMs })
  successor.admin = await PostgresAdmin.connect({ address, port, secrets })
  await successor.admin.promote()
  await keeper.change((draft) => {
    draft.nodes.push(nodeOf(3, successor))
    for (const shard of draft.shards) shard.primary = 'us-east/postgres-3'
  })
  await nextBackup(first)
  const archive = new ShardArchive(new FolderStore(join(dir, 'here')), 's1')
  const taken = (await archive.listBackups()).map(({ timeline, source }) => [timeline, source])
  assert.deepEqual(taken, [
    [1, 'us-east/postgres-1'],
    [2, 'us-east/postgres-3'],
  ])
})

async function setBackup(backup: { to?: string; everyMs?: number; keepMs?: number }): Promise<void> {
  await keeper.change((draft) => {
    const defaults = resolveTopology({}).database.backup
    draft.topology.database.backup = { ...defaults, ...backup }
  })
}

/** Waits for one that is newer, and answers when it was finished. */
async function nextBackup(after: string): Promise<string> {
  const find = () => {
    const at = backups.status()?.lastBackupAt
    return at != null && at > after && at
  }
  return waitUntil(find, { what: `a backup after ${after}`, timeoutMs })
}

/** How many there are of our slot on the primary and on the replica. */
async function slots(): Promise<number[]> {
  const count = async ({ admin }: TestPostgres) =>
    (await admin.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slotName])).length
  return [await count(primary), await count(replica)]
}

async function writeSegments(count: number): Promise<void> {
  await using owner = await connectAs(primary, 'owner')
  await owner.query('CREATE TABLE IF NOT EXISTS filler (content text)')
  for (let segment = 0; segment < count; segment++) {
    await owner.query(`INSERT INTO filler SELECT repeat('x', 500) FROM generate_series(1, 1000)`)
    await primary.admin.query('SELECT pg_switch_wal()')
  }
}

function nodeOf(number: number, { address, port, pid }: TestPostgres): MapNode {
  return {
    ...{ id: `us-east/postgres-${number}`, role: 'postgres', region: 'us-east', host: 'us-east/host-1' },
    ...{ address, port, pid, state: 'ready', since: '', restarts: 0, entry: false, shard: 's1' },
    database: number === 1 ? 'primary' : 'replica',
  }
}

function mapOf(): SystemMap {
  return {
    ...{ version: 1, system: 'backups', rung: 4, topology: resolveTopology({}), appDir: dir, portBase: 8000 },
    ...{ entry: { address: '127.0.0.1', port: 0 }, hasHostAddresses: false },
    nodes: [nodeOf(1, primary), nodeOf(2, replica)],
    shards: [
      {
        ...{ id: 's1', slots: [], primary: 'us-east/postgres-1', replicas: ['us-east/postgres-2'], quorums: [] },
        ...{ timeline: 1, timelineStart: '0/0', durability: 'async' },
      },
    ],
    regions: [],
  }
}
