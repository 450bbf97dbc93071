// The checker on a real system, below replication: the only primary dies under load. Whatever was acknowledged is there
// when it is back, whoever may wait has waited, and only writes without a key may end unknown.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { RunningSystem } from '../../running-system.ts'
import { longestPause } from './figures.ts'
import { historyApp, RecordedLoad } from './recorded-load.ts'

const calmMs = 2000

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up(historyApp)
})

after(() => system?.down())

test('a load on a healthy system: nothing fails, nothing is broken', async (t) => {
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertNoneFailed()
  for (const object of ['set', 'counter', 'bank', 'list'])
    assert.ok(verdict.final.some((found) => found.object === object && (found.value ?? found.elements?.length)))
})

test('kill -9 of the only primary at rung 3: no read fails and no acknowledged write is lost or doubled', async (t) => {
  await system.tenfold('climb', '--to', '3')
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  const { nodes } = await system.status()
  const primary = nodes.find(({ role }) => role === 'postgres')
  assert.ok(primary?.pid)
  process.kill(primary.pid, 'SIGKILL')
  await system.waitStatus('the return of the primary', (status) =>
    status.nodes.some(({ id, pid, state }) => id === primary.id && pid !== primary.pid && state === 'ready'),
  )
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertNoneFailed('read')
  assert.deepEqual(
    verdict.notOk('write').filter(({ failure }) => failure !== 'outcome-unknown'),
    [],
  )
  const pause = longestPause(verdict.history, 'write')
  t.diagnostic(`writable again after ${(pause.toMs - pause.fromMs).toFixed(0)} ms`)
})
