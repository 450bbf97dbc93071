// A request with a key whose COMMIT nobody answered: the key tells what happened.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { sql, type Transaction } from 'kysely'
import { waitUntil } from '../../base/limits.ts'
import { configureCluster } from '../../programs/postgres/configure.ts'
import { openDatabase } from '../database/database.ts'
import { slotOfInteger } from '../database/hash.ts'
import { startTestDatabase, type TestDatabase, type TestTables, testTables } from '../database/testing.ts'
import { openOnce } from './once.ts'

const timeoutMs = 10_000

describe('a request with an Idempotency-Key', () => {
  let database: TestDatabase
  before(async () => {
    const onceTables = await readFile(new URL('migrations/0001-once.sql', import.meta.url), 'utf8')
    database = await startTestDatabase({ sql: testTables + onceTables })
  })
  after(() => database?.stop())

  const setSynchronous = async (names: string[]) => {
    const { admin, address, port, dataDir } = database.server
    await configureCluster({ dataDir, address, port, connectionsMax: 50, synchronous: { count: 1, names } })
    await admin.reload()
    const isSet = async () => {
      const [row] = await admin.query<{ names: string }>(`SELECT current_setting('synchronous_standby_names') AS names`)
      return (row?.names !== '') === names.length > 0
    }
    await waitUntil(isSet, { what: 'the new setting', timeoutMs })
  }
  const keyOfSlot = (slot: number) => {
    for (let key = 0; ; key++) if (slotOfInteger(key) === slot) return key
  }
  const request = (key: string, userId?: string) =>
    ({
      headers: { 'idempotency-key': key },
      session: { userId },
      method: 'POST',
      url: '/tips',
      body: undefined,
    }) as unknown as FastifyRequest
  const count = (tx: Transaction<TestTables>) =>
    tx
      .insertInto('counters')
      .values({ user_id: 'a', n: '1' })
      .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ n: sql`counters.n + 1` }))
      .returning('n')
      .executeTakeFirstOrThrow()

  test('of unknown outcome is asked again, runs once and is answered', async () => {
    const once = openOnce<TestTables>({ keyOfSlot, repeatMsMax: () => timeoutMs })
    await setSynchronous(['nobody'])
    let answer: Promise<{ n: string }>
    try {
      answer = once(request('k1'), database.db.of('a'), count)
      const cancel = async () =>
        (
          await database.server.admin.query(
            `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'app'`,
          )
        ).length > 0
      await waitUntil(cancel, { what: 'the wait of COMMIT', timeoutMs })
    } finally {
      await setSynchronous([])
    }
    assert.deepEqual(await answer, { n: '1' })
    assert.deepEqual(await once(request('k1'), database.db.of('a'), count), { n: '1' })
  })

  test('runs once of a hundred at the same time, though it needs a connection beside its transaction', async () => {
    const once = openOnce<TestTables>({ keyOfSlot, repeatMsMax: () => timeoutMs })
    let runs = 0
    const work = async (tx: Transaction<TestTables>) => {
      runs++
      await database.db.of('another').selectFrom('counters').selectAll().execute()
      return { ...(await count(tx)), runs }
    }
    const answers = await Promise.all(Array.from({ length: 100 }, () => once(request('k3'), database.db.of('a'), work)))
    assert.equal(runs, 1)
    assert.deepEqual(new Set(answers.map((answer) => JSON.stringify(answer))), new Set([JSON.stringify(answers[0])]))
  })

  test('is of its user, whatever users and keys are called', async () => {
    const once = openOnce<TestTables>({ keyOfSlot, repeatMsMax: () => timeoutMs })
    const requests = [request('b:c', 'a'), request('c', 'a:b'), request('c', 'a%3Ab'), request('a:b:c')]
    const answers = []
    for (const [i, each] of requests.entries()) answers.push(await once(each, database.db.of('a'), async () => i))
    assert.deepEqual(answers, [0, 1, 2, 3])
  })

  test('whose first ones fail runs in turn, until one of them does not', async () => {
    const once = openOnce<TestTables>({ keyOfSlot, repeatMsMax: () => timeoutMs })
    let runs = 0
    let atOnce = 0
    const work = async () => {
      assert.equal(++atOnce, 1)
      await new Promise((resolve) => setImmediate(resolve))
      atOnce--
      if (++runs <= 3) throw new Error('failed')
      return runs
    }
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, () => once(request('k4'), database.db.of('a'), work)),
    )
    assert.equal(answers.filter(({ status }) => status === 'rejected').length, 3)
    assert.deepEqual(new Set(answers.flatMap((answer) => ('value' in answer ? [answer.value] : []))), new Set([4]))
  })

  test('stays of unknown outcome when nobody can say, within its limit', async () => {
    const once = openOnce<TestTables>({ keyOfSlot, repeatMsMax: () => 600 })
    const router = await database.openRouter({ commitMs: 300, statementMs: 1000, silenceMs: 500 })
    const db = openDatabase<TestTables>(router)
    // COMMIT is not answered, and the key is held by whoever waits for that answer on the server.
    await setSynchronous(['nobody'])
    try {
      await assert.rejects(once(request('k2'), db.of('a'), count), { code: 'outcome-unknown' })
    } finally {
      await setSynchronous([])
    }
  })
})
