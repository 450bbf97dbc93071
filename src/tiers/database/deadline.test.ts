// What happens to a statement that nobody waits for any more, on a real server: nothing is cancelled that commits.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { waitUntil } from '../../base/limits.ts'
import { configureCluster } from '../../programs/postgres/configure.ts'
import { startTestReplica } from '../../programs/postgres/testing.ts'
import { openDatabase } from './database.ts'
import type { RouterOptions } from './options.ts'
import { startTestDatabase, type TestDatabase, type TestTables } from './testing.ts'

const timeoutMs = 10_000
const late = { code: 'timeout', message: /did not answer within the 150 ms/ }

describe('a deadline', () => {
  let database: TestDatabase
  before(async () => {
    database = await startTestDatabase()
  })
  after(() => database?.stop())

  const open = async (options: Partial<RouterOptions>) => {
    const router = await database.openRouter(options)
    const db = openDatabase<TestTables>(router)
    const isQuiet = () => waitUntil(() => router.inFlight === 0, { what: 'the end of what is under way', timeoutMs })
    return { router, db, isQuiet }
  }
  const insert = (user_id: string) => ({ user_id, n: '1' })
  const exists = async (user_id: string) =>
    (await database.db.of(user_id).selectFrom('counters').selectAll().where('user_id', '=', user_id).execute())
      .length === 1

  /** While it runs, no commit is acknowledged: it waits for a synchronous replica that is not there. */
  async function whileNobodyConfirms(work: () => Promise<void>): Promise<void> {
    const { admin, address, port, dataDir } = database.server
    const setNames = async (names: string[]) => {
      await configureCluster({ dataDir, address, port, connectionsMax: 50, synchronous: { count: 1, names } })
      await admin.reload()
      const isSet = async () => {
        const [row] = await admin.query<{ names: string }>(`SHOW synchronous_standby_names`)
        return (JSON.stringify(row) === '{"synchronous_standby_names":""}') === (names.length === 0)
      }
      await waitUntil(isSet, { what: 'the new setting', timeoutMs })
    }
    await setNames(['nobody'])
    try {
      await work()
    } finally {
      await setNames([])
    }
  }
  const waitingForSync = () =>
    database.server.admin.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)

  test('ends a wait in line, and what waited certainly did not run', async () => {
    const { router, db } = await open({ poolMax: 1 })
    const slow = router.query(0, 'SELECT pg_sleep(0.6)')
    await waitUntil(() => router.inFlight === 1, { what: 'the slow statement', timeoutMs })
    await assert.rejects(db.of('line').within(150).insertInto('counters').values(insert('line')).execute(), late)
    const waiting = db.of('line').within(150)
    await assert.rejects(
      waiting.transaction(async () => {}),
      late,
    )
    assert.equal(router.waiting, 0)
    await slow
    assert.equal(await exists('line'), false)
  })

  test('cancels a read, and the cancel hits nothing that comes after it', async () => {
    const { router, db, isQuiet } = await open({ poolMax: 1 })
    for (let round = 0; round < 10; round++) {
      const read = db
        .of('read')
        .within(round === 0 ? 150 : 5)
        .selectNoFrom(sql`pg_sleep(${round === 0 ? 20 : 0.005})`.as('slept'))
      if (round === 0) await assert.rejects(read.execute(), late)
      else await read.execute().catch(() => {})
      await Promise.all(Array.from({ length: 20 }, () => router.query(0, 'SELECT 1')))
    }
    await isQuiet()
  })

  test('is kept by a signal too, with its reason, before and under way', async () => {
    const { db, isQuiet } = await open({ poolMax: 1 })
    const stopped = { code: 'timeout', cause: 'enough' }
    const read = (signal: AbortSignal) => db.of('read').selectNoFrom(sql`pg_sleep(20)`.as('slept')).execute({ signal })
    await assert.rejects(read(AbortSignal.abort('enough')), stopped)
    const controller = new AbortController()
    const running = read(controller.signal)
    setTimeout(() => controller.abort('enough'), 50)
    await assert.rejects(running, stopped)
    await isQuiet()
  })

  test('gives up a transaction before its COMMIT: what runs is cancelled, all of it rolled back', async () => {
    const { db, isQuiet } = await open({ poolMax: 1 })
    const work = db
      .of('tx')
      .within(150)
      .transaction(async (tx) => {
        await tx.insertInto('counters').values(insert('tx')).execute()
        await sql`SELECT pg_sleep(20)`.execute(tx)
      })
    await assert.rejects(work, late)
    const stuck = db
      .of('tx')
      .within(150)
      .transaction(async (tx) => {
        await tx.insertInto('counters').values(insert('tx')).execute()
        await new Promise(() => {}) // the work waits for something else, for ever
      })
    await assert.rejects(stuck, late)
    await isQuiet()
    assert.equal(await exists('tx'), false)
  })

  test('never cancels a write under way nor a COMMIT: outcome-unknown, and the connection waits for the answer', async () => {
    const { router, db, isQuiet } = await open({ poolMax: 2 })
    await whileNobodyConfirms(async () => {
      const single = db.of('single').within(150).insertInto('counters').values(insert('single')).execute()
      const whole = db
        .of('whole')
        .within(150)
        .transaction((tx) => tx.insertInto('counters').values(insert('whole')).execute())
      await Promise.all(
        [single, whole].map((write) => assert.rejects(write as Promise<unknown>, { code: 'outcome-unknown' })),
      )
      assert.equal((await waitingForSync()).length, 2, 'both still wait on the server')
      assert.equal(router.inFlight, 2)
    })
    await isQuiet()
    assert.deepEqual([await exists('single'), await exists('whole')], [true, true])
  })

  test('of nobody: a write that waits for a replica is unknown in time, and no new connection waits beside it', async () => {
    await using replica = await startTestReplica(database.server, { slot: 'watched' })
    await database.setReplicas([replica])
    await database.map.refresh()
    const { router, db, isQuiet } = await open({
      poolMax: 2,
      statementMs: 300,
      silenceMs: 100,
      commitMs: 300,
      holdMsMax: 300,
    })
    await whileNobodyConfirms(async () => {
      const single = db.of('patient').insertInto('counters').values(insert('patient')).execute()
      const whole = db
        .of('patience')
        .transaction((tx) => tx.insertInto('counters').values(insert('patience')).execute())
      await Promise.all(
        [single, whole].map((write) => assert.rejects(write as Promise<unknown>, { code: 'outcome-unknown' })),
      )
      assert.equal((await waitingForSync()).length, 2)
      assert.equal(router.inFlight, 2, 'their connections are kept')
    })
    await isQuiet()
    await database.setReplicas([])
    await database.map.refresh()
  })
})
