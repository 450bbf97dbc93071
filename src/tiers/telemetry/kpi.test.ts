// Business figures against a real database: counted exactly, also when an answer is lost.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, beforeEach, it } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import type { KpiHome } from './contract.ts'
import { kpi } from './kpi.ts'
import { KpiCollector } from './kpi-collector.ts'
import { readKpi } from './kpi-report.ts'

let database: TestDatabase
let home: KpiHome
const log = { warn() {} }

before(async () => {
  const sql = await readFile(new URL('migrations/0001-kpi.sql', import.meta.url), 'utf8')
  database = await startTestDatabase({ sql })
  home = database.db.shards()[0] as KpiHome
})

after(() => database.stop())

beforeEach(async () => {
  await home.query('delete from tenfold.kpi_daily')
  await home.query('delete from tenfold.kpi_active')
})

it('adds up what several processes count, and stores the rest at stop', async () => {
  const processes = [1, 2].map(() => new KpiCollector({ home: () => home, log }))
  // In this test they hear one channel, so each call counts once per process.
  for (const process of processes) await process.start()
  for (let i = 0; i < 100; i++) kpi.count('revenue.cents', 5)
  kpi.count('signups')
  await Promise.all(processes.map((process) => process.flush()))
  kpi.count('signups')
  for (const process of processes) await process.stop()
  kpi.count('signups')
  const [today] = await readKpi(home, 1)
  assert.deepEqual(today?.counters, { 'revenue.cents': 1000, signups: 4 })
})

it('counts a user once a day, and once over a week and a month', async () => {
  const dayMs = 86_400_000
  const visits: Array<[number, string[]]> = [
    [20, ['a', 'b', 'c']],
    [3, ['a', 'd']],
    [0, ['a', 'e']],
  ]
  for (const [daysAgo, users] of visits) {
    const collector = new KpiCollector({ home: () => home, log, clock: new ManualClock(Date.now() - daysAgo * dayMs) })
    await collector.start()
    for (const user of users) for (let i = 0; i < 5; i++) kpi.active(user)
    await collector.stop()
  }
  const report = await readKpi(home, 25)
  assert.equal(report.length, 25)
  assert.deepEqual(report.at(-1)?.active, { daily: 2, weekly: 3, monthly: 5 })
  assert.deepEqual(report.at(-4)?.active, { daily: 2, weekly: 2, monthly: 4 })
  assert.deepEqual(report.at(0)?.active, { daily: 0, weekly: 0, monthly: 0 })
})

it('does not add a batch twice when the answer to it was lost', async () => {
  let losses = 0
  const lossy: KpiHome = {
    async query<Row>(text: string, values?: readonly unknown[]) {
      const rows = await home.query<Row>(text, values)
      if (losses++ === 0) throw new Error('the connection broke')
      return rows
    },
  }
  const collector = new KpiCollector({ home: () => lossy, log })
  await collector.start()
  kpi.count('orders', 3)
  await assert.rejects(collector.flush(), /broke/)
  kpi.count('orders', 4)
  await collector.stop()
  assert.deepEqual((await readKpi(home, 1))[0]?.counters, { orders: 7 })
})

it('refuses names and figures that it could not store', () => {
  assert.throws(() => kpi.count('No Spaces'), { code: 'bad-input' })
  assert.throws(() => kpi.count('revenue', Number.NaN), { code: 'bad-input' })
  assert.throws(() => kpi.active(''), { code: 'bad-input' })
})
