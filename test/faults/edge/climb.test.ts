// To the edge and back under the tour's own load: the fronts are exchanged for others, and no request fails.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { LoadProcess } from '../../../src/tour/load/load-process.ts'
import { RunningSystem } from '../../running-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import { frontsOf, waitWhole } from './edge-system.ts'

const holdMs = 2500
const settleMs = 45_000

let system: RunningSystem
let generator: LoadProcess

before(async () => {
  system = await RunningSystem.up(undefined, '--rung', '4')
  await waitWhole(system)
  generator = new LoadProcess()
})

showSupervisorLogOfFailures(() => system)

after(async () => {
  await generator?.close()
  await system?.down()
})

test('climbing 4 -> 6 -> 4 under load fails no request and loses no write', async (t) => {
  const { urls } = await system.status()
  await generator.prepare({
    baseUrl: urls.app,
    ratePerSecond: Number(process.env['TENFOLD_FAULT_RATE'] ?? 100),
    connectionsMax: 32,
    timeoutMs: 30_000,
    inFlightMax: 4000,
    seed: 6,
    people: 20,
    photos: 20,
    followsPerPerson: 2,
  })
  await generator.start()
  await systemClock.sleep(holdMs)
  for (const { to, fronts } of [
    { to: 6, fronts: 2 },
    { to: 4, fronts: 1 },
  ]) {
    const startMs = Date.now()
    await system.tenfold('climb', '--to', String(to))
    t.diagnostic(`rung ${to} after ${Date.now() - startMs} ms`)
    await waitWhole(system)
    assert.equal((await frontsOf(system)).length, fronts)
    await systemClock.sleep(holdMs)
    if (to === 6) {
      const { total } = await (await system.client()).edge()
      t.diagnostic(JSON.stringify(total.requests))
      assert.ok(total.requests.hit > 0, 'nothing was answered from the edge')
    }
  }
  const record = await generator.stop()
  for (const failure of record.failures) t.diagnostic(JSON.stringify(failure))
  assert.equal(
    record.phases.reduce((sum, { failed }) => sum + failed, 0),
    0,
  )
  assert.deepEqual((await generator.verify(settleMs)).findings, [])
})
