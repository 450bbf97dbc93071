// Limits over all processes, counted by the database: never more than the limit, and what a dead process had is free again.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, it } from 'node:test'
import { waitUntil } from '../../../../../base/limits.ts'
import { startTestDatabase, type TestDatabase } from '../../../../database/testing.ts'
import type { JobLimits } from '../../../ledger/contract.ts'
import { queueSql } from '../testing.ts'
import { PostgresLimits } from './limits.ts'

let database: TestDatabase
let limits: JobLimits
const timeoutMs = 10_000
const slotMs = 60_000
const none = { concurrencyMax: undefined, rate: undefined }

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  limits = new PostgresLimits(() => database.db.shards()[0] as never)
})

after(() => database.stop())

it('slots: together never more than the limit, whoever asks at the same time', async () => {
  const queue = randomUUID()
  const askers = Array.from({ length: 12 }, (_, n) =>
    limits.grant({ queue, holder: `p${n}`, wanted: 3, held: 0, slotMs }, { ...none, concurrencyMax: 10 }),
  )
  const counts = (await Promise.all(askers)).map(({ count }) => count)
  assert.equal(
    counts.reduce((a, b) => a + b),
    10,
  )
})

it('slots: what does not run any more, or was given back, is for others', async () => {
  const queue = randomUUID()
  const limit = { ...none, concurrencyMax: 4 }
  const ask = async (holder: string, wanted: number, held: number) =>
    (await limits.grant({ queue, holder, wanted, held, slotMs }, limit)).count
  assert.equal(await ask('a', 10, 0), 4)
  assert.equal(await ask('b', 10, 0), 0)
  assert.equal(await ask('a', 0, 3), 0)
  assert.equal(await ask('b', 10, 0), 1)
  await limits.giveBack({ queue, holder: 'a', unused: 2, held: 1, slotMs }, limit)
  assert.equal(await ask('c', 10, 0), 2)
})

it('slots of a process that is gone are free when their time is over, or when its successor says so', async () => {
  const queue = randomUUID()
  const limit = { ...none, concurrencyMax: 2 }
  const ask = async (holder: string, ms: number) =>
    (await limits.grant({ queue, holder, wanted: 2, held: 0, slotMs: ms }, limit)).count
  assert.equal(await ask('dead', 100), 2)
  await waitUntil(async () => (await ask('next', slotMs)) === 2, { what: 'the end of its slots', timeoutMs })
  await limits.release('next')
  assert.equal(await ask('third', slotMs), 2)
})

it('rate: never more than its count in a window, and then again', async () => {
  const queue = randomUUID()
  const limit = { ...none, rate: { count: 50, perMs: 1000 } }
  const ask = () => limits.grant({ queue, holder: 'a', wanted: 20, held: 0, slotMs }, limit)
  const grants = await Promise.all([ask(), ask(), ask(), ask()])
  const counts = grants.map(({ count }) => count).sort((a, b) => a - b)
  // A machine that stands still for a second between two of them starts another window: then all 80 are fine.
  if (counts.reduce((a, b) => a + b) !== 80) {
    assert.deepEqual(counts, [0, 10, 20, 20])
    assert.ok(grants.some(({ waitMs }) => waitMs > 0 && waitMs <= 1100))
  }
  await waitUntil(async () => (await ask()).count === 20, { what: 'the next window', timeoutMs })
})

it('rate: what was not used is given back', async () => {
  const queue = randomUUID()
  const limit = { ...none, rate: { count: 10, perMs: 60_000 } }
  const ask = (wanted: number) => limits.grant({ queue, holder: 'a', wanted, held: 0, slotMs }, limit)
  assert.equal((await ask(10)).count, 10)
  await limits.giveBack({ queue, holder: 'a', unused: 4, held: 6, slotMs }, limit)
  assert.equal((await ask(10)).count, 4)
  // A limit that grew counts what was started under the former one.
  const grown = { ...none, rate: { count: 15, perMs: 50_000 } }
  assert.equal((await limits.grant({ queue, holder: 'a', wanted: 10, held: 0, slotMs }, grown)).count, 5)
})

it('rate of keys: each has its own, and callers at the same time do not block each other', async () => {
  const queue = randomUUID()
  const rate = { count: 2, perMs: 60_000 }
  const asked = await Promise.all([
    limits.grantKeys(queue, ['a', 'b', 'c'], rate),
    limits.grantKeys(queue, ['c', 'b', 'a'], rate),
  ])
  assert.deepEqual(asked, [
    [0, 0, 0],
    [0, 0, 0],
  ])
  const [a, d] = await limits.grantKeys(queue, ['a', 'd'], rate)
  assert.ok(a && a > 0 && a <= 66_000)
  assert.equal(d, 0)
})
