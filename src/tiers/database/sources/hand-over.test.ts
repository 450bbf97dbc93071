// A replica becomes the primary: the connections to it serve writes, and only once it is.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { startTestReplica, type TestPostgres } from '../../../programs/postgres/testing.ts'
import type { ReadFrom } from '../contract.ts'
import type { DatabaseRouter } from '../router.ts'
import { startTestDatabase, type TestDatabase } from '../testing.ts'

const timeoutMs = 15_000
const poolMax = 4
const application = 'r/web-1'
const readSql = 'SELECT pg_backend_pid() AS pid, pg_sleep(0.02)'
const writeSql = 'INSERT INTO notes VALUES (DEFAULT) RETURNING pg_backend_pid() AS pid, pg_sleep(0.02)'

describe('the connections to a replica that becomes the primary', () => {
  let database: TestDatabase
  let replica: TestPostgres
  let router: DatabaseRouter
  /** Sessions of the router's pool at the replica. */
  let pids: number[] = []

  beforeEach(async () => {
    database = await startTestDatabase({
      sql: 'CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)',
      router: { poolMax },
    })
    replica = await startTestReplica(database.server, { slot: 'next' })
    router = database.router
    await database.setReplicas([replica])
    await database.map.refresh()
    const isWhole = async () => {
      pids = await pidsOf(readSql, 'replica')
      return pids.length === poolMax && (await sessionsAt(replica)).includes(pids[0] as number)
    }
    await waitUntil(isWhole, { what: 'a full pool at the replica', timeoutMs })
  })
  afterEach(async () => {
    await database?.stop()
    await replica?.stop()
  })

  /** Of the sessions that ran `poolMax` statements at once. */
  async function pidsOf(text: string, from: ReadFrom): Promise<number[]> {
    const run = () => router.query(0, text, [], { from })
    const answers = await Promise.all(Array.from({ length: poolMax }, run))
    return [...new Set(answers.map(({ rows }) => rows[0]?.['pid'] as number))].sort()
  }
  async function sessionsAt({ admin }: TestPostgres): Promise<number[]> {
    const sql = `SELECT pid FROM pg_stat_activity WHERE application_name = '${application}'`
    return (await admin.query<{ pid: number }>(sql)).map(({ pid }) => pid)
  }
  async function fenceAndCatchUp(): Promise<void> {
    await database.server.admin.fence()
    const { writtenLsn } = await database.server.admin.state()
    const isCaughtUp = async () => (await replica.admin.state()).replayedLsn >= writtenLsn
    await waitUntil(isCaughtUp, { what: 'the replica has everything', timeoutMs })
  }
  const newTimeline = { timeline: 2, timelineStart: '0/1' }

  test('are kept, and write', async () => {
    await fenceAndCatchUp()
    await replica.admin.promote()
    await database.promote(replica, newTimeline)
    await database.map.refresh()
    assert.deepEqual(await pidsOf(writeSql, 'primary'), pids)
    // A transaction's, too.
    const { rows } = await router.transaction(0, (session) => session.query(writeSql, []))
    assert.ok(pids.includes(rows[0]?.['pid'] as number))
    assert.equal(router.inFlight, 0)
  })

  test('are closed when it is not the primary of the map’s timeline; who waits is served when it is', async () => {
    await fenceAndCatchUp()
    await database.promote(replica, newTimeline)
    await database.map.refresh()
    const reading = pidsOf(readSql, 'primary') // which a replica would answer, too
    const areClosed = async () => {
      const sessions = await sessionsAt(replica)
      return !pids.some((pid) => sessions.includes(pid))
    }
    await waitUntil(areClosed, { what: 'the end of the former sessions', timeoutMs })
    await replica.admin.promote()
    assert.ok((await reading).every((pid) => !pids.includes(pid)))
  })
})
