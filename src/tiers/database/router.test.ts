// The router against a real server: what it repeats, refuses, and leaves unknown.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openChannel } from '../../base/channels.ts'
import { stressLifecycle } from '../../base/lifecycle-stress.ts'
import { waitUntil } from '../../base/limits.ts'
import { seededRandom } from '../../base/random.ts'
import { configureCluster } from '../../programs/postgres/configure.ts'
import { openDatabase } from './database.ts'
import { OwnerConnection } from './migrations/owner-connection.ts'
import { DatabaseRouter } from './router.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'

interface Accounts {
  accounts: { id: string; name: string }
}

describe('the router', () => {
  let database: TestDatabase
  before(async () => {
    database = await startTestDatabase({
      sql: 'CREATE TABLE accounts (id bigint PRIMARY KEY, name text) PARTITION BY HASH (id); CREATE TABLE notes (x text)',
      router: { poolMax: 3 },
    })
  })
  after(() => database?.stop())

  const sql = (text: string, values: unknown[] = []) => database.router.query(0, text, values).then(({ rows }) => rows)

  test('finds the rows of a bigint key however the key is written', async () => {
    const db = openDatabase<Accounts>(database.router)
    for (const key of [1, '1', 1n]) assert.equal(db.slotOf(key), db.slotOf(1))
    await db.of(77n).insertInto('accounts').values({ id: '77', name: 'ann' }).execute()
    const read = await db.of('77').selectFrom('accounts').selectAll().where('id', '=', '77').execute()
    assert.deepEqual(read, [{ id: '77', name: 'ann' }])
    assert.throws(() => db.of('ann'), { code: 'bad-input', message: /sharded by an integer column/ })
    assert.throws(() => db.of(undefined as never), { code: 'bad-input' })
  })

  test('keeps the parent of a sharded table from the app, which reaches its leaves', async () => {
    await assert.rejects(sql('SELECT * FROM accounts'), { code: '42501' })
  })

  test('reads values as node-postgres does', async () => {
    const [row] = await sql(
      `SELECT 1 AS a, 2::bigint AS b, 1.5::numeric AS c, true AS d, NULL AS e, '{"x":1}'::jsonb AS f, ARRAY[1,2] AS g, $1::bytea AS h, $2::timestamptz AS i, '' AS j`,
      [Buffer.from([1, 2]), new Date(0)],
    )
    assert.deepEqual(
      { ...row },
      {
        a: 1,
        b: '2',
        c: '1.5',
        d: true,
        e: null,
        f: { x: 1 },
        g: [1, 2],
        h: Buffer.from([1, 2]),
        i: new Date(0),
        j: '',
      },
    )
  })

  test('a wrong statement fails at once, and its connection serves on', async () => {
    await assert.rejects(sql('SELECT * FROM nowhere'), { code: '42P01' })
    await assert.rejects(sql('SELECT * FROM slot_001.nowhere'), { code: '42P01' })
    await assert.rejects(sql('SELECT 1/0'), { code: '22012' })
    await assert.rejects(sql('SELECT 1/0'), { code: '22012' })
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    await assert.rejects(sql('SELECT $1::jsonb', [circular]), { code: 'bad-input', message: /cannot be sent/ })
    assert.deepEqual(
      (await sql('SELECT 1 AS x')).map((row) => ({ ...row })),
      [{ x: 1 }],
    )
  })

  test('a statement whose result a migration changed is planned anew', async () => {
    const read = () => Promise.all([1, 2, 3].map(() => sql('SELECT * FROM notes')))
    await read()
    const { address, port, secrets } = database.server
    const owner = await OwnerConnection.open({ address, port, password: secrets.owner })
    await owner.query(`ALTER TABLE notes ADD COLUMN y int DEFAULT 5; INSERT INTO notes VALUES ('a')`)
    await owner.close()
    assert.deepEqual(
      (await read()).flat().map(({ y }) => y),
      [5, 5, 5],
    )
    await database.router.transaction(0, async (session) => {
      assert.equal((await session.query('SELECT * FROM notes', [])).rows.length, 1)
    })
  })

  test('keeps no more prepared statements than its limit', async () => {
    const router = await database.openRouter({ poolMax: 1, preparedMax: 5 })
    for (let i = 0; i < 40; i++) await router.query(0, `SELECT ${i % 13} AS x`)
    const { rows } = await router.query(0, 'SELECT count(*)::int AS n FROM pg_prepared_statements')
    assert.ok(Number(rows[0]?.['n']) <= 6, `${rows[0]?.['n']} statements`)
  })

  test('a statement that takes too long is ended by the server: timeout', async () => {
    const router = await database.openRouter({ statementMs: 100 })
    await assert.rejects(router.query(0, 'SELECT pg_sleep(10)'), { code: 'timeout' })
    await router.query(0, 'SELECT 1')
  })

  test('a server that stops answering leaves the outcome of a write unknown', async () => {
    const router = await database.openRouter({ statementMs: 200, silenceMs: 50, connectMs: 100, holdMsMax: 300 })
    await router.query(0, 'SELECT 1')
    const [backend] = await router.query(0, 'SELECT pg_backend_pid() AS pid').then(({ rows }) => rows)
    process.kill(Number(backend?.['pid']), 'SIGSTOP')
    try {
      await assert.rejects(router.query(0, `INSERT INTO notes VALUES ('b')`), { code: 'outcome-unknown' })
    } finally {
      process.kill(Number(backend?.['pid']), 'SIGCONT')
    }
    await router.query(0, 'SELECT 1')
  })

  test('COMMIT without an answer is outcome-unknown, and the work does not run again', async () => {
    const router = await database.openRouter({ commitMs: 100 })
    let runs = 0
    let pid = 0
    const work = router.transaction(0, async (session) => {
      runs++
      await session.query(`INSERT INTO notes VALUES ('c')`, [])
      pid = Number((await session.query('SELECT pg_backend_pid() AS pid', [])).rows[0]?.['pid'])
      process.kill(pid, 'SIGSTOP')
    })
    try {
      await assert.rejects(work, { code: 'outcome-unknown' })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    assert.equal(runs, 1)
  })

  test('a transaction whose connection broke before COMMIT runs again from its start', async () => {
    let runs = 0
    await database.router.transaction(0, async (session) => {
      await session.query(`INSERT INTO notes VALUES ('d')`, [])
      if (++runs === 1) {
        const pid = (await session.query('SELECT pg_backend_pid() AS pid', [])).rows[0]?.['pid']
        await database.server.admin.query('SELECT pg_terminate_backend($1)', [pid])
        await session.query('SELECT 1', []).catch(() => {})
      }
    })
    assert.equal(runs, 2)
    assert.equal((await sql(`SELECT FROM notes WHERE x = 'd'`)).length, 1)
  })

  test('a cancelled wait for a synchronous replica is outcome-unknown, never success', async () => {
    const { admin, address, port, dataDir } = database.server
    const setSync = async (names: string[]) => {
      await configureCluster({ dataDir, address, port, connectionsMax: 50, synchronous: { count: 1, names } })
      await admin.reload()
      const isSet = async () => {
        const [row] = await admin.query<{ names: string }>(
          `SELECT current_setting('synchronous_standby_names') AS names`,
        )
        return (row?.names !== '') === names.length > 0
      }
      await waitUntil(isSet, { what: 'the new setting', timeoutMs: 5_000 })
    }
    await setSync(['nobody'])
    try {
      const router = await database.openRouter({ commitMs: 30_000 })
      const cancel = async () =>
        (
          await admin.query(
            `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'app'`,
          )
        ).length > 0
      const single = router.query(0, `INSERT INTO notes VALUES ('e')`)
      const inDoubt = { code: 'outcome-unknown', message: /synchronous replica was cancelled/ }
      const refused = assert.rejects(single, inDoubt)
      await waitUntil(cancel, { what: 'the wait of a statement', timeoutMs: 5_000 })
      await refused
      const whole = router.transaction(0, (session) => session.query(`INSERT INTO notes VALUES ('f')`, []))
      const refusedToo = assert.rejects(whole, inDoubt)
      await waitUntil(cancel, { what: 'the wait of COMMIT', timeoutMs: 5_000 })
      await refusedToo
    } finally {
      await setSync([])
    }
    await sql(`INSERT INTO notes VALUES ('g')`)
  })

  test('refuses with overloaded what waits too long for a busy pool', async () => {
    const router = await database.openRouter({ poolMax: 1, waitMs: 100 })
    const slow = router.query(0, 'SELECT pg_sleep(1)')
    await waitUntil(() => router.inFlight === 1, { what: 'the slow statement', timeoutMs: 5_000 })
    await assert.rejects(router.query(0, 'SELECT 1'), { code: 'overloaded', message: /all 1 connections/ })
    await slow
  })

  test('tells each statement to whoever listens', async () => {
    const messages: Array<{ error?: string }> = []
    const unsubscribe = openChannel('tenfold:query').subscribe((message) => messages.push(message))
    await sql('SELECT 1')
    await sql('SELECT 1/0').catch(() => {})
    unsubscribe()
    assert.deepEqual(
      messages.map(({ error }) => error),
      [undefined, 'division by zero'],
    )
  })

  test('stops after what is in flight has finished, and takes nothing more', async () => {
    const router = await database.openRouter()
    const last = router.query(0, 'SELECT pg_sleep(0.2)')
    await waitUntil(() => router.inFlight === 1, { what: 'the last statement', timeoutMs: 5_000 })
    await router.stop()
    await last
    await assert.rejects(router.query(0, 'SELECT 1'), { code: 'closed' })
    await router.start()
    await router.query(0, 'SELECT 1')
  })

  test('starts and stops from all sides at once', async () => {
    const { map, server } = database
    const router = new DatabaseRouter({ map, secrets: server.secrets, node: 'r/web-1' }, { poolMax: 2 })
    const seed = Date.now() % 100_000
    console.log(`seed ${seed}`)
    await stressLifecycle(router, seededRandom(seed), async () => (await router.query(0, 'SELECT 1')).rows.length === 1)
  })
})
