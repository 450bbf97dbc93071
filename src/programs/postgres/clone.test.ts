// A replica is built out of a server that is being written, catches up, takes over.

import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { Client } from 'pg'
import { waitUntil } from '../../base/limits.ts'
import { cloneCluster } from './clone.ts'
import { configureCluster } from './configure.ts'
import { isFenced } from './fence.ts'
import { stopServer } from './server.ts'
import {
  connectAs,
  restoreTestPostgres,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
  testDir,
} from './testing.ts'

const waitMs = 15_000

let primary: TestPostgres
before(async () => {
  primary = await startTestPostgres()
})
beforeEach(() => restoreTestPostgres(primary))
after(() => primary.stop())

test('a clone of a server under writes catches up with it and is promoted to the next timeline with every row', async () => {
  const owner = new Client({
    host: primary.address,
    port: primary.port,
    user: 'owner',
    password: primary.secrets.owner,
    database: 'app',
  })
  await owner.connect()
  await owner.query('CREATE TABLE notes (id bigint PRIMARY KEY, filler text)')
  // More than the pieces that the stream arrives in, and more than the queue before the disk.
  await owner.query(`INSERT INTO notes SELECT -n, repeat(md5(n::text), 30) FROM generate_series(1, 20000) n`)
  let acknowledged = 0
  let isWriting = true
  const writing = (async () => {
    while (isWriting) await owner.query('INSERT INTO notes VALUES ($1, $2)', [++acknowledged, 'x'])
  })()
  const progress: number[] = []
  await using replica = await startTestReplica(primary, {
    slot: 'second',
    onProgress: ({ bytes }) => progress.push(bytes),
  })
  isWriting = false
  await writing
  await owner.end()

  const { writtenLsn } = await primary.admin.state()
  await waitUntil(async () => (await replica.admin.state()).replayedLsn >= writtenLsn, {
    what: 'catching up',
    timeoutMs: waitMs,
  })
  await waitUntil(
    async () => (await primary.admin.lag()).some((one) => one.name === 'second' && one.replayedLsn >= writtenLsn),
    {
      what: 'the primary knowing it',
      timeoutMs: waitMs,
    },
  )
  const before = await replica.admin.state()
  assert.equal(before.isInRecovery, true)
  assert.equal(before.timeline, 1)
  await replica.admin.promote()
  await replica.admin.promote()
  const after = await replica.admin.state()
  assert.equal(after.isInRecovery, false)
  assert.equal(after.timeline, 2)
  const app = new Client({
    host: replica.address,
    port: replica.port,
    user: 'app',
    password: primary.secrets.app,
    database: 'app',
  })
  await app.connect()
  const { rows } = await app.query('SELECT count(*)::int, max(id)::int FROM notes WHERE id > 0')
  assert.deepEqual(rows, [{ count: acknowledged, max: acknowledged }])
  await app.query('INSERT INTO notes VALUES (0)')
  await app.end()
  assert.ok(progress.length > 2 && progress.every((bytes, index) => bytes >= (progress[index - 1] ?? 0)))
})

test('with a synchronous replica a commit waits for it, and not longer than it is configured', async () => {
  await using replica = await startTestReplica(primary, { slot: 'second' })
  const configuration = primary
  await configureCluster({ ...configuration, synchronous: { count: 1, names: ['second'] } })
  await primary.admin.reload()
  const standby = async () =>
    (await primary.admin.query<{ sync_state: string }>('SELECT sync_state FROM pg_stat_replication'))[0]?.sync_state
  await waitUntil(async () => (await standby()) === 'quorum', { what: 'a synchronous replica', timeoutMs: waitMs })
  await using owner = await connectAs(primary, 'owner')
  await owner.query('CREATE TABLE quorum (id int)')
  await replica.admin.close()
  await stopServer(replica.pid, 'immediate', waitMs)
  const commit = owner.query('INSERT INTO quorum VALUES (1)')
  await waitUntil(
    async () => (await primary.admin.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)).length === 1,
    { what: 'a commit that waits', timeoutMs: waitMs },
  )
  await configureCluster(configuration)
  await primary.admin.reload()
  await commit
  await primary.admin.dropSlot('second')
  await primary.admin.dropSlot('second')
  await primary.admin.createSlot('third')
  await primary.admin.createSlot('third')
  const slots = await primary.admin.query('SELECT slot_name FROM pg_replication_slots WHERE restart_lsn IS NOT NULL')
  assert.deepEqual(slots, [{ slot_name: 'third' }])
})

test('the password that a replica follows with stands in one file, which no log and no clone of it has', async () => {
  const dir = await testDir()
  try {
    await using replica = await startTestReplica(primary, { slot: 'quiet' })
    const password = primary.secrets.replicator
    const files = await readdir(replica.dataDir)
    const texts = files.filter((name) => /\.(conf|pass)$/.test(name))
    const has = await Promise.all(texts.map((name) => readFile(join(replica.dataDir, name), 'utf8')))
    assert.deepEqual(
      texts.filter((_, i) => has[i]?.includes(password)),
      ['tenfold.pass'],
    )
    assert.equal((await stat(join(replica.dataDir, 'tenfold.pass'))).mode & 0o777, 0o600)
    await cloneCluster({ from: replica, secrets: primary.secrets, dataDir: join(dir, 'data') })
    assert.equal((await readdir(join(dir, 'data'))).includes('tenfold.pass'), false)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('a clone whose source dies in the middle leaves nothing, says why, and can be made again', async () => {
  const dir = await testDir()
  const dataDir = join(dir, 'data')
  try {
    const broken = cloneCluster({
      from: primary,
      secrets: primary.secrets,
      dataDir,
      onProgress: () => process.kill(primary.pid, 'SIGQUIT'),
    })
    await assert.rejects(broken, { code: 'unavailable' })
    assert.deepEqual(await readdir(dir), [])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('a clone does not replace a cluster, does not take over a fence, and wants the password', async () => {
  await primary.admin.fence()
  const dir = await testDir()
  const dataDir = join(dir, 'data')
  try {
    const options = { from: primary, secrets: primary.secrets, dataDir }
    await assert.rejects(cloneCluster({ ...options, secrets: { ...primary.secrets, replicator: 'wrong' } }), {
      code: 'unauthorized',
    })
    await cloneCluster(options)
    assert.equal(await isFenced(primary.dataDir), true)
    assert.equal(await isFenced(dataDir), false)
    await assert.rejects(cloneCluster(options), { code: 'conflict' })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
