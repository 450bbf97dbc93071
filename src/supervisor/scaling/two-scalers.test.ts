// Two roles that scale have one lane: whoever is short does not wait until the other one has drained all that it gives up.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { waitUntil } from '../../base/limits.ts'
import type { SystemMap } from '../../map/map.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { EventLog } from '../events.ts'
import type { Scaling } from '../executor.ts'
import type { System } from '../system.ts'
import type { RoleScaling } from './role-scaling.ts'
import { Scaler } from './scaler.ts'

const looksMin = 5

/** How often the scaler of the workers ends what the load asked for of the web tier, in some looks. */
async function endings(t: TestContext, wanted: number, demanded: number): Promise<number> {
  let ended = 0
  let looks = 0
  const topology = resolveTopology({ rung: 1, worker: { count: 1, max: 4 } })
  const map = { rung: 1, topology, scale: { worker: wanted } } as SystemMap
  const system = { keeper: { map }, events: new EventLog(pino({ level: 'silent' })) } as unknown as System
  const executor: Scaling = {
    ...{ scaling: 'web', progress: { to: 1, step: 'stop web-5', done: 0, of: 4 }, isHalfWay: false },
    ...{ scale: () => false, scalingFailure: () => null },
    endScaling: () => void ended++,
  }
  const workers: RoleScaling = {
    ...{ role: 'worker', demand: { processes: demanded, utilisation: 1 }, complaint: 'jobs wait' },
    next: (number) => number,
    async look() {
      looks++
      return { atMs: looks, takeIn() {} }
    },
  }
  const scaler = new Scaler(system, executor, () => workers, { lookIntervalMs: 1 })
  t.after(() => scaler.stop())
  await scaler.start()
  await waitUntil(() => looks > looksMin, { what: 'some looks', timeoutMs: 20_000 })
  await scaler.stop()
  return ended
}

test('workers that are asked for do not wait for web processes that drain', async (t) => {
  assert.ok((await endings(t, 1, 3)) > 0)
})

test('who has as many as there may be, or as are asked for, leaves the others alone', async (t) => {
  assert.equal(await endings(t, 4, 9), 0)
  assert.equal(await endings(t, 3, 3), 0)
})
