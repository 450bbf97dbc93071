// Two routers as two web servers have them, one primary, a fast replica and one that is always two seconds behind: a
// user who goes from one to the other never reads behind what they wrote or read before.

import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
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
  const read = (user_id: string) => async (db: Database<TestTables>) =>
    Number(
      (await db.of(user_id).selectFrom('counters').select('n').where('user_id', '=', user_id).executeTakeFirst())?.n ??
        -1,
    )
  /** Reads of counters that a server has answered, as it counts them itself: a moment late. */
  const readsOf = async ({ admin }: TestPostgres) => {
    const [row] = await admin.query<{ n: number }>(
      `SELECT xact_commit::int AS n FROM pg_stat_database WHERE datname = 'app'`,
    )
    return row?.n ?? 0
  }

  test('4000 reads over two web servers, one replica two seconds behind: none is stale', async () => {
    const before = await readsOf(fast)
    const users = 8
    const rounds = 250
    let stale = 0
    await Promise.all(
      Array.from({ length: users }, async (_, user) => {
        const key = `user-${user}`
        let token: string | undefined = 'unknown'
        for (let round = 0; round < rounds; round++) {
          const change: Work<unknown> = round % 2 === 0 ? write(key, round) : writeInTransaction(key, round)
          token = (await request(user + round, token, change)).token
          for (const server of [user + round, user + round + 1]) {
            const answer: { found: number; token: string | undefined } = await request(server, token, read(key))
            if (answer.found !== round) stale++
            token = answer.token
          }
        }
      }),
    )
    assert.equal(stale, 0)
    console.log(`${(await readsOf(fast)) - before} transactions on the fast replica`)
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
