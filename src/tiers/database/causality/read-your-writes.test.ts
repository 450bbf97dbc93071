// Two routers as two web servers have them, one primary, a fast replica and one that is always two seconds behind: a
// user who goes from one to the other never reads behind what they wrote or read before.

import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { waitUntil } from '../../../base/limits.ts'
import { startTestReplica, type TestPostgres } from '../../../programs/postgres/testing.ts'
import type { Database } from '../contract.ts'
import { openDatabase } from '../database.ts'
import type { DatabaseRouter } from '../router.ts'
import { startTestDatabase, type TestDatabase, type TestTables } from '../testing.ts'

type Work<T> = (db: Database<TestTables>) => Promise<T>

const delayMs = 2000
const timeoutMs = 20_000

describe('reads of one’s own writes', () => {
  let database: TestDatabase
  let fast: TestPostgres
  let slow: TestPostgres
  let routers: DatabaseRouter[]
  let servers: Database<TestTables>[]

  before(async () => {
    database = await startTestDatabase()
    fast = await startTestReplica(database.server, { slot: 'fast' })
    slow = await startTestReplica(database.server, { slot: 'slow' })
    await appendFile(join(slow.dataDir, 'postgresql.conf'), `recovery_min_apply_delay = '${delayMs}ms'\n`)
    await slow.admin.reload()
    await database.setReplicas([fast, slow])
    await database.map.refresh()
    routers = [database.router, await database.openRouter()]
    servers = routers.map((router) => openDatabase<TestTables>(router))
  })
  after(async () => {
    await database?.stop()
    await fast?.stop()
    await slow?.stop()
  })

  /** One request of a user whose last one ended with `token`; answers what it found and the next token. */
  async function request<T>(server: number, token: string | undefined, work: Work<T>) {
    const db = servers[server % servers.length] as Database<TestTables>
    const scope = db.causality.open(token)
    const found = await db.causality.run(scope, () => work(db))
    return { found, token: scope.token }
  }

  const write = (user_id: string, n: number) => (db: Database<TestTables>) =>
    db
      .of(user_id)
      .insertInto('counters')
      .values({ user_id, n: String(n) })
      .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ n: String(n) }))
      .execute()
  const writeInTransaction = (user_id: string, n: number) => (db: Database<TestTables>) =>
    db.of(user_id).transaction((tx) =>
      tx
        .updateTable('counters')
        .set({ n: String(n) })
        .where('user_id', '=', user_id)
        .executeTakeFirstOrThrow(),
    )
  const readRow = (user_id: string) => (db: Database<TestTables>) =>
    db
      .of(user_id)
      .selectFrom('counters')
      .select(['n', sql<number>`inet_server_port()`.as('port')])
      .where('user_id', '=', user_id)
      .executeTakeFirst()
  const read = (user_id: string) => async (db: Database<TestTables>) => Number((await readRow(user_id)(db))?.n ?? -1)

  test('4400 reads over two web servers, one replica two seconds behind: none is stale', async () => {
    const users = 8
    const rounds = 250
    let stale = 0
    const reads = new Map<number, number>()
    await Promise.all(
      Array.from({ length: users }, async (_, user) => {
        const key = `user-${user}`
        let token: string | undefined = 'unknown'
        for (let round = 0; round < rounds; round++) {
          const change: Work<unknown> = round % 2 === 0 ? write(key, round) : writeInTransaction(key, round)
          token = (await request(user + round, token, change)).token
          for (const turn of [0, 1, 2]) {
            // Now and then at leisure, so that a replica can have come up with the write.
            if (turn === 2 && round % 5 > 0) continue
            if (turn === 2) await new Promise((resolve) => setTimeout(resolve, 40))
            const answer = await request(user + round + turn, token, readRow(key))
            const { n, port = 0 } = answer.found ?? {}
            if (Number(n) !== round) stale++
            reads.set(port, (reads.get(port) ?? 0) + 1)
            token = answer.token
          }
        }
      }),
    )
    assert.equal(stale, 0)
    const [primary = 0, quick = 0, late] = [database.server, fast, slow].map(({ port }) => reads.get(port))
    console.log(`${primary} reads of the primary, ${quick} of the fast replica`)
    assert.ok(quick > 100, `the fast replica answered ${quick} reads`)
    assert.equal(late, undefined, 'the slow one never had what was asked for')
  })

  test('reads of one user never go back in time, on whatever server; without a token they do', async () => {
    let isStopped = false
    let written = 0
    await request(0, 'unknown', write('clock', 0))
    const writer = (async () => {
      while (!isStopped) await write('clock', ++written)(servers[0] as Database<TestTables>)
    })()
    /** How often a reader saw something older than the time before. */
    const goBack = async (reader: number, first: string | undefined, keepsToken: boolean) => {
      let token = first
      let newest = 0
      let steps = 0
      for (let i = 0; i < 400; i++) {
        const answer = await request(reader + i, token, read('clock'))
        if (keepsToken) token = answer.token
        if (answer.found < newest) steps++
        newest = Math.max(newest, answer.found)
      }
      return steps
    }
    const withToken = await Promise.all([0, 1, 2, 3].map((reader) => goBack(reader, 'unknown', true)))
    // Else this test could not have failed.
    const goesBack = async () => (await goBack(0, undefined, false)) > 0
    await waitUntil(goesBack, { what: 'a reader without a token going back', timeoutMs: 60_000 })
    isStopped = true
    await writer
    assert.deepEqual(withToken, [0, 0, 0, 0])
  })

  test('a read that follows at leisure is answered by the fast replica, never by the slow one', async () => {
    const { token } = await request(0, 'unknown', write('leisure', 1))
    const isPassed = async () =>
      (
        await fast.admin.query<{ ok: boolean }>(`SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS ok`, [lsnOf(token)])
      )[0]?.ok
    await waitUntil(isPassed, { what: 'the fast replica has the write', timeoutMs })
    const answeredBy = async (db: Database<TestTables>) =>
      (await db.shards()[0]?.query<{ port: number }>('SELECT inet_server_port() AS port'))?.[0]?.port
    const isFast = async () => (await request(1, token, answeredBy)).found === fast.port
    await waitUntil(isFast, { what: 'a read of the fast replica', timeoutMs })
  })
})

function lsnOf(token: string | undefined): string {
  const lsn = BigInt(`0x${token?.split('.')[2]}`)
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`
}
