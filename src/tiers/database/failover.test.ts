// A primary that is fenced, killed or gone, under writers whose history is checked.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { startServer, waitForServer } from '../../programs/postgres/server.ts'
import { startTestReplica } from '../../programs/postgres/testing.ts'
import { openDatabase } from './database.ts'
import { startWriters } from './history.ts'
import { DatabaseRouter } from './router.ts'
import { startTestDatabase, type TestTables } from './testing.ts'

describe('when the primary moves or dies', () => {
  test('a fence and a switch in the midst of 8 writers: no error, nothing lost, nothing twice', async () => {
    await using database = await startTestDatabase()
    await using replica = await startTestReplica(database.server, { slot: 'next' })
    const writers = await startWriters(database.db, { writers: 8, keys: 8, prefix: 'moved' })
    await writers.until(200)
    // The supervisor's switchover without a hold: the fence meets statements and transactions at every point.
    await database.server.admin.fence()
    const { writtenLsn } = await database.server.admin.state()
    const isCaughtUp = async () => (await replica.admin.state()).replayedLsn >= writtenLsn
    await waitUntil(isCaughtUp, { what: 'the replica has everything', timeoutMs: 10_000 })
    await replica.admin.promote()
    await database.makePrimary(replica)
    await writers.until(200)
    await writers.stop()
    assert.deepEqual(writers.errors, [])
    await writers.verify()
  })

  test('kill -9 of the whole server in the midst of writes: no acknowledged write is lost, no failed one is called done', async () => {
    await using database = await startTestDatabase({ router: { holdMsMax: 300 } })
    const writers = await startWriters(database.db, { writers: 8, keys: 8, prefix: 'killed' })
    await writers.until(200)
    // The backends too, at once: none of them gets to say goodbye, and so some writes end without an answer.
    const backends = await database.server.admin.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE usename = 'app'`,
    )
    // The server stands still meanwhile: it would tell the others of the first one's death.
    process.kill(database.server.pid, 'SIGSTOP')
    for (const pid of [...backends.map(({ pid }) => pid), database.server.pid]) process.kill(pid, 'SIGKILL')
    await waitUntil(() => writers.errors.length >= 16, { what: 'every writer has failed', timeoutMs: 15_000 })
    await writers.stop()
    assert.ok(writers.errors.some((error) => isTenfoldError(error, 'outcome-unknown')))
    for (const error of writers.errors)
      assert.ok(isTenfoldError(error, 'outcome-unknown') || isTenfoldError(error, 'unavailable'), String(error))
    const { secrets, dataDir, logFile } = database.server
    const { pid } = await startServer({ dataDir, logFile })
    await waitForServer({ ...database.server, secrets, pid, timeoutMs: 15_000 })
    const router = new DatabaseRouter({ map: database.map, secrets, node: 'r/web-2' })
    await router.start()
    await writers.verify(openDatabase<TestTables>(router))
    await router.stop()
  })

  test('idle connections that the server closed fail no statement; nobody at all is unavailable in time', async () => {
    await using database = await startTestDatabase({ router: { poolMax: 4, holdMsMax: 1_000 } })
    const { db, router, server } = database
    const write = (user_id: string) => db.of(user_id).insertInto('counters').values({ user_id, n: '1' }).execute()
    for (let round = 0; round < 5; round++) {
      await Promise.all(['a', 'b', 'c', 'd'].map((key) => write(`${key}${round}`)))
      await server.admin.terminateApp()
      await Promise.all(['e', 'f', 'g', 'h'].map((key) => write(`${key}${round}`)))
    }
    assert.equal(router.inFlight, 0)
    const rows = await db.scatter((all) => all.selectFrom('counters').select('user_id'))
    assert.equal(rows.length, 40)

    await database.makePrimary({ address: '127.0.0.1', port: 1 })
    await database.map.refresh()
    const read = db.of('a').selectFrom('counters').selectAll().execute()
    const transaction = db.of('a').transaction(async () => {})
    await Promise.all([read, transaction].map((work) => assert.rejects(work, { code: 'unavailable' })))
  })
})
