// Replicas that lag, hang, die, refuse, or are something else than the map says, under reads that must not notice.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresConnection } from '../../../programs/postgres/connection.ts'
import { startServer, waitForServer } from '../../../programs/postgres/server.ts'
import { startTestReplica, type TestPostgres } from '../../../programs/postgres/testing.ts'
import type { Database } from '../contract.ts'
import { openDatabase } from '../database.ts'
import type { RouterOptions } from '../options.ts'
import { startTestDatabase, type TestDatabase, type TestTables } from '../testing.ts'

const timeoutMs = 15_000
const portSql = 'SELECT inet_server_port() AS port'

describe('the sources of a shard', () => {
  let database: TestDatabase
  let one: TestPostgres
  let two: TestPostgres
  before(async () => {
    database = await startTestDatabase({
      lagBytesMax: 2_000_000,
      sql: `
        CREATE TABLE counters (user_id text COLLATE "C" PRIMARY KEY, n bigint NOT NULL) PARTITION BY HASH (user_id);
        CREATE TABLE touched (at timestamptz);
        CREATE FUNCTION touch() RETURNS int LANGUAGE sql AS 'INSERT INTO touched VALUES (now()) RETURNING 1';`,
    })
    one = await startTestReplica(database.server, { slot: 'one' })
    two = await startTestReplica(database.server, { slot: 'two' })
  })
  after(async () => {
    await database?.stop()
    await one?.stop()
    await two?.stop()
  })
  afterEach(() => useReplicas([]))

  async function useReplicas(replicas: Parameters<TestDatabase['setReplicas']>[0]): Promise<void> {
    await database.setReplicas(replicas)
    await database.map.refresh()
  }
  const open = async (options: Partial<RouterOptions> = {}) =>
    openDatabase<TestTables>(await database.openRouter(options))
  const portOf = async (db: Database<TestTables>, from?: 'primary' | 'replica') =>
    (await db.shards()[0]?.query<{ port: number }>(portSql, [], from && { from }))?.[0]?.port
  const inScope = <T>(db: Database<TestTables>, token: string | undefined, work: () => Promise<T>) =>
    db.causality.run(db.causality.open(token), work)
  const untilReadFrom = (db: Database<TestTables>, ports: number[]) =>
    waitUntil(async () => ports.includes((await portOf(db, 'replica')) ?? 0), { what: `a read of ${ports}`, timeoutMs })

  test('reads without a scope and writes are the primary’s, others take turns on the replicas', async () => {
    await useReplicas([one, two])
    const db = await open()
    await untilReadFrom(db, [one.port])
    await untilReadFrom(db, [two.port])
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 10; i++) ports.add(await inScope(db, undefined, () => portOf(db)))
    assert.deepEqual([...ports].sort(), [one.port, two.port].sort())
    for (const port of [await portOf(db), await inScope(db, undefined, () => portOf(db, 'primary'))])
      assert.equal(port, database.server.port)
    const key = db.of('a')
    assert.equal(
      (await inScope(db, undefined, () => key.insertInto('counters').values({ user_id: 'a', n: '1' }).execute()))
        .length,
      1,
    )
    const level = { readOnly: true, from: 'replica' } as const
    await key.transaction((tx) => tx.selectFrom('counters').selectAll().execute(), level)
    await assert.rejects(
      key.transaction((tx) => tx.deleteFrom('counters').execute(), level),
      { code: '25006' },
      'also by the primary, where a replica sends it',
    )
  })

  test('a replica behind the bound in bytes, and one that the map does not call ready, is not read from', async () => {
    const db = await open()
    await useReplicas([{ ...one, state: 'down' }])
    for (let i = 0; i < 5; i++) assert.equal(await portOf(db, 'replica'), database.server.port)
    await useReplicas([one])
    await untilReadFrom(db, [one.port])
    await one.admin.query('SELECT pg_wal_replay_pause()')
    try {
      await database.server.admin.query(
        `SELECT pg_logical_emit_message(false, 'big', repeat('x', 1000000)) FROM generate_series(1, 5)`,
      )
      const isPrimarys = async () => (await portOf(db, 'replica')) === database.server.port
      await waitUntil(isPrimarys, { what: 'a read of the primary', timeoutMs })
    } finally {
      await one.admin.query('SELECT pg_wal_replay_resume()')
    }
    await untilReadFrom(db, [one.port])
  })

  test('what a replica refuses, the primary answers; a text that writes is the primary’s from then on', async () => {
    await useReplicas([one])
    const db = await open()
    await untilReadFrom(db, [one.port])
    const touch = () =>
      inScope(db, undefined, async () => db.shards()[0]?.query('SELECT touch()', [], { from: 'replica' }))
    await touch()
    await touch()
    const rows = await db.shards()[0]?.query<{ n: number }>('SELECT count(*)::int AS n FROM touched')
    assert.equal(rows?.[0]?.n, 2)
    await assert.rejects(async () => db.shards()[0]?.query('SELECT 1/0', [], { from: 'replica' }), { code: '22012' })
  })

  test('kill -9 of a replica under reads: none fails, and none goes to it until it is back', async () => {
    await useReplicas([one, two])
    const db = await open()
    const reads = startReads(db)
    await reads.until(300)
    process.kill(one.pid, 'SIGKILL')
    await reads.until(500)
    assert.ok(!(await portsOfNext(db, 30)).has(one.port))
    const { dataDir, logFile, secrets } = one
    one.pid = (await startServer({ dataDir, logFile })).pid
    await waitForServer({ ...one, secrets, pid: one.pid, timeoutMs })
    await untilReadFrom(db, [one.port])
    assert.deepEqual(await reads.stop(), [])
  })

  test('a replica that hangs under reads: none fails, each is answered within two seconds', async () => {
    await useReplicas([one, two])
    const db = await open({ sourceHangMs: 300 })
    const reads = startReads(db)
    await reads.until(300)
    const pids = await processesOf(two)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      await reads.until(500)
      assert.ok(!(await portsOfNext(db, 30)).has(two.port))
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
    assert.deepEqual(await reads.stop(), [])
    assert.ok(reads.slowestMs < 2000, `${reads.slowestMs} ms`)
    await untilReadFrom(db, [two.port])
  })

  test('a primary on an older timeline than the map’s, or in recovery, is a fence', async () => {
    const db = await open({ holdMsMax: 300 })
    await database.setReplicas([], { timeline: 2, timelineStart: '0/1' })
    await database.map.refresh()
    const old = await database.openRouter({ holdMsMax: 300 }).catch((error: Error) => error)
    assert.match(String((old as { cause?: unknown }).cause), /is on timeline 1, its shard on 2/)
    await database.setReplicas([], { timeline: 1, timelineStart: '0/0' })
    await database.map.refresh()
    assert.equal(await portOf(db), database.server.port)
    await database.makePrimary(one)
    await database.map.refresh()
    await assert.rejects(portOf(db), ({ cause }: { cause: unknown }) =>
      /is a replica, and the map names it as a primary/.test(String(cause)),
    )
    await database.makePrimary(database.server)
    await database.map.refresh()
    assert.equal(await portOf(db), database.server.port)
  })

  test('a token of a newer timeline reads from the primary, and makes the process look for a newer map', async () => {
    await useReplicas([one])
    const db = await open()
    await untilReadFrom(db, [one.port])
    await database.setReplicas([], { timeline: 1, timelineStart: '0/0' }) // nobody has told the process
    const before = database.map.current.version
    assert.equal(await inScope(db, 's1.2.1', () => portOf(db)), database.server.port)
    await waitUntil(() => database.map.current.version > before, {
      what: 'the newer map',
      timeoutMs: 500,
      intervalMs: 5,
    })
  })

  test('kill -9 of the primary: reads of those who have seen what the replicas have go on', async () => {
    await useReplicas([one, two])
    const db = await open()
    const scope = db.causality.open('unknown')
    const write = () => db.of('last').insertInto('counters').values({ user_id: 'last', n: '7' }).execute()
    await db.causality.run(scope, write)
    const read = () =>
      inScope(db, scope.token, () =>
        db.of('last').selectFrom('counters').select('n').where('user_id', '=', 'last').execute(),
      )
    const isReplicas = async () => (await inScope(db, scope.token, () => portOf(db))) !== database.server.port
    await waitUntil(isReplicas, { what: 'a replica that has the write', timeoutMs })
    process.kill(database.server.pid, 'SIGKILL')
    const until = performance.now() + 3000
    let answered = 0
    for (; performance.now() < until; answered++)
      assert.deepEqual(
        (await read()).map(({ n }) => n),
        ['7'],
      )
    assert.ok(answered > 100, `${answered} reads`)
  })

  async function portsOfNext(db: Database<TestTables>, count: number): Promise<Set<number | undefined>> {
    const ports = new Set<number | undefined>()
    for (let i = 0; i < count; i++) ports.add(await inScope(db, undefined, () => portOf(db)))
    return ports
  }

  /** Four readers without a token. */
  function startReads(db: Database<TestTables>) {
    const errors: unknown[] = []
    let count = 0
    let isStopped = false
    const reads = {
      slowestMs: 0,
      async until(more: number) {
        const goal = count + more
        await waitUntil(() => count >= goal, { what: `${more} more reads`, timeoutMs, intervalMs: 1 })
      },
      async stop() {
        isStopped = true
        await Promise.all(readers)
        return errors
      },
    }
    const readers = Array.from({ length: 4 }, async () => {
      while (!isStopped) {
        const startedAt = performance.now()
        await inScope(db, undefined, () => db.of('a').selectFrom('counters').selectAll().execute()).catch((error) =>
          errors.push(error),
        )
        reads.slowestMs = Math.max(reads.slowestMs, performance.now() - startedAt)
        count++
      }
    })
    return reads
  }
})

/** Of the whole server, its own first, so that no new one comes while they are counted. */
async function processesOf({ address, port, secrets, pid }: TestPostgres): Promise<number[]> {
  await using admin = await PostgresConnection.connect({ address, port, secrets })
  const rows = await admin.query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()')
  return [pid, ...rows.map((row) => row.pid)]
}
