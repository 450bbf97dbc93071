// What operators do on purpose: switch the primary, climb to replicas and back. No request fails, no write is lost.

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { RunningSystem } from '../../running-system.ts'
import { longestPause } from '../history/figures.ts'
import { historyApp, RecordedLoad } from '../history/recorded-load.ts'
import { nowMs, primaryOf, rounds, waitWhole } from './replicated-system.ts'
import { showSupervisorLogOfFailures } from './supervisor-log.ts'

const calmMs = 1000

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up(historyApp, '--rung', '3')
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('climbing 3 -> 4 fails no request', (t) => climb(t, 4))

test('switchover: no request fails', async (t) => {
  await using load = await RecordedLoad.start(system)
  const spans: Array<{ fromMs: number; toMs: number }> = []
  for (let round = 0; round < rounds; round++) {
    await systemClock.sleep(calmMs)
    const { id } = primaryOf(await waitWhole(system))
    const fromMs = nowMs()
    await system.tenfold('switchover', 's1')
    const status = await waitWhole(system)
    spans.push({ fromMs, toMs: nowMs() })
    assert.notEqual(primaryOf(status).id, id)
  }
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  const pauses = spans
    .map((span) => longestPause(verdict.history, 'write', span))
    .map(({ fromMs, toMs }) => toMs - fromMs)
    .sort((a, b) => a - b)
  t.diagnostic(`write pauses of ${rounds} switchovers: ${pauses.map((ms) => ms.toFixed(0)).join(', ')} ms`)
  verdict.assertHolds()
  verdict.assertNoneFailed()
})

test('climbing 4 -> 3 fails no request', (t) => climb(t, 3))

async function climb(t: TestContext, to: number): Promise<void> {
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  await system.tenfold('climb', '--to', String(to))
  await waitWhole(system)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertNoneFailed()
}
