// A hold keeps what is new, lets go by itself, and never keeps anybody for good.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { openChannel } from '../../base/channels.ts'
import { waitUntil } from '../../base/limits.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'

describe('a hold', () => {
  let database: TestDatabase
  before(async () => {
    database = await startTestDatabase({ router: { poolMax: 4 } })
  })
  after(() => database?.stop())
  beforeEach(() => database.router.release())

  const read = () => database.db.of('a').selectFrom('counters').selectAll().execute()
  const sleep = (seconds: number) => database.router.query(0, `SELECT pg_sleep(${seconds})`)
  /** As long as a statement that nothing holds back takes, several times over. */
  const longEnough = async () => {
    for (let i = 0; i < 20; i++) await database.server.admin.query('SELECT 1')
  }

  test('keeps what is new waiting until it is released', async () => {
    const { router } = database
    assert.deepEqual(await router.hold({ leaseMs: 60_000, drainMs: 1_000 }), { isDrained: true, inFlight: 0 })
    let settled = 0
    const reads = [read(), read(), database.db.of('a').transaction(async () => {})].map((r) => r.then(() => settled++))
    await longEnough()
    assert.deepEqual([settled, router.waiting, router.inFlight], [0, 3, 0])
    router.release()
    await Promise.all(reads)
  })

  test('lets what is in flight finish first', async () => {
    const order: string[] = []
    const inFlight = sleep(0.2).then(() => order.push('done'))
    await waitUntil(() => database.router.inFlight === 1, { what: 'the statement under way', timeoutMs: 5_000 })
    const { isDrained } = await database.router.hold({ leaseMs: 60_000, drainMs: 5_000 })
    order.push('held')
    await inFlight
    assert.deepEqual([isDrained, order], [true, ['done', 'held']])
  })

  test('lets a transaction that is in flight run to its end', async () => {
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    let isBegun = false
    const transaction = database.db.of('t').transaction(async (tx) => {
      await tx.selectFrom('counters').selectAll().execute()
      isBegun = true
      await gate
      return tx.selectFrom('counters').selectAll().execute()
    })
    await waitUntil(() => isBegun, { what: 'the transaction under way', timeoutMs: 5_000 })
    const held = database.router.hold({ leaseMs: 60_000, drainMs: 5_000 })
    go()
    assert.equal((await held).isDrained, true)
    await transaction
  })

  test('gives up at once when what is in flight does not finish in time', async () => {
    const slow = sleep(1)
    await waitUntil(() => database.router.inFlight === 1, { what: 'the statement under way', timeoutMs: 5_000 })
    assert.deepEqual(await database.router.hold({ leaseMs: 60_000, drainMs: 50 }), { isDrained: false, inFlight: 1 })
    await read()
    await slow
  })

  test('ends with its lease when nobody comes back', async () => {
    await database.router.hold({ leaseMs: 50, drainMs: 1_000 })
    await read()
  })

  test('ends with a map whose primary moved, and what waited runs there', async () => {
    await database.router.hold({ leaseMs: 60_000, drainMs: 1_000 })
    const waiting = read()
    await database.makePrimary(database.server)
    await database.map.refresh()
    await waiting
  })

  test('is told to whoever listens', async () => {
    const messages: Array<{ heldMs: number; waiting: number }> = []
    const unsubscribe = openChannel('tenfold:hold').subscribe((message) => messages.push(message))
    await database.router.hold({ leaseMs: 60_000, drainMs: 1_000 })
    const waiting = read()
    database.router.release()
    await waiting
    unsubscribe()
    assert.deepEqual(
      messages.map(({ waiting }) => waiting),
      [1],
    )
  })

  test('refuses with overloaded when too many wait', async () => {
    const router = await database.openRouter({ waitersMax: 3 })
    await router.hold({ leaseMs: 60_000, drainMs: 1_000 })
    const waiting = Array.from({ length: 3 }, () => router.query(0, 'SELECT 1'))
    await assert.rejects(router.query(0, 'SELECT 1'), {
      code: 'overloaded',
      message: /already 3 statements wait while the primary moves/,
    })
    router.release()
    await Promise.all(waiting)
  })
})
