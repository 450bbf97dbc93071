// From the queue in the database to brokers and workers of their own, and back, while jobs are asked for all the time: no request
// fails, and every job that was acknowledged runs, whoever dies meanwhile.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { RunningSystem, repository } from '../../running-system.ts'
import { nodesOf, type RunningNode } from '../cache/cache-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import { waitWhole } from '../edge/edge-system.ts'
import { Makers } from './makers.ts'

/** TENFOLD_FAULT_HOLD=10000 for the record. */
const holdMs = Number(process.env['TENFOLD_FAULT_HOLD'] ?? 1500)
const perSecond = Number(process.env['TENFOLD_FAULT_RATE'] ?? 48)
const count = 8

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up(join(repository, 'test/faults/queue/app'), '--rung', '7')
  await waitWhole(system)
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

async function climb(t: TestContext, to: number, { brokers, workers }: { brokers: number; workers: number }) {
  const startMs = Date.now()
  await system.tenfold('climb', '--to', String(to))
  t.diagnostic(`rung ${to} after ${Date.now() - startMs} ms`)
  await waitWhole(system)
  assert.equal((await nodesOf(system, 'nats')).length, brokers)
  // Where there are some, their number follows the backlog.
  const found = (await nodesOf(system, 'worker')).length
  assert.ok(workers === 0 ? found === 0 : found >= workers, `${found} workers`)
  await systemClock.sleep(holdMs)
}

/** As another process. */
async function untilBack({ id, pid: former }: RunningNode): Promise<void> {
  await system.waitStatus(`the return of ${id}`, ({ nodes }) =>
    nodes.some(({ id: other, pid, state }) => other === id && state === 'ready' && pid !== former),
  )
}

async function underLoad(t: TestContext, work: () => Promise<void>): Promise<void> {
  const makers = new Makers(system, { count, perSecond: perSecond / count })
  try {
    await work()
  } finally {
    const { asked, failures, lost, doubled } = await makers.settle()
    t.diagnostic(`${asked} asked for, ${failures.length} failed, ${lost.length} lost, ${doubled.length} run twice`)
    for (const failure of [...failures.slice(0, 20), ...lost.slice(0, 20), ...doubled.slice(0, 20)])
      t.diagnostic(failure)
    assert.deepEqual([failures.length, lost.length], [0, 0])
  }
}

test('7 -> 9 -> 7, and on rung 9 a worker and a broker die: no request fails, every job runs, and nothing is left in the brokers', async (t) => {
  await underLoad(t, async () => {
    await systemClock.sleep(holdMs)
    await climb(t, 9, { brokers: 3, workers: 2 })
    for (const role of ['worker', 'nats'] as const) {
      const [victim] = await nodesOf(system, role)
      assert.ok(victim)
      process.kill(victim.pid, 'SIGKILL')
      await untilBack(victim)
      await systemClock.sleep(holdMs)
    }
    await system.tenfold('scale', 'worker', '3')
    await climb(t, 7, { brokers: 0, workers: 0 })
  })
})
