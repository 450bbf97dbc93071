// The shared cache comes and goes under the tour's own load, loses nodes, and holds the sessions: no request fails, and nobody is
// logged out. One system for the whole file, since each takes a while to start.

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { LoadProcess } from '../../../src/tour/load/load-process.ts'
import { RunningSystem } from '../../running-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import { waitWhole } from '../edge/edge-system.ts'
import { allAreLoggedIn, logInPeople, nodesOf, wipeCache } from './cache-system.ts'

const holdMs = 1500
const settleMs = 45_000
const people = Number(process.env['TENFOLD_FAULT_SESSIONS'] ?? 100)

let system: RunningSystem
let generator: LoadProcess
let cookies: string[]

before(async () => {
  system = await RunningSystem.up(undefined, '--rung', '4')
  await waitWhole(system)
  cookies = await logInPeople(system, people)
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

async function underLoad(t: TestContext, readsOnly: boolean, work: () => Promise<void>): Promise<void> {
  generator = new LoadProcess()
  try {
    const { urls } = await system.status()
    await generator.prepare({
      ...{ baseUrl: urls.app, ratePerSecond: Number(process.env['TENFOLD_FAULT_RATE'] ?? 100), connectionsMax: 32 },
      ...{ timeoutMs: 30_000, inFlightMax: 4000, seed: 5, people: 20, photos: 20, followsPerPerson: 2, readsOnly },
    })
    await generator.start()
    await work()
    const record = await generator.stop()
    for (const failure of record.failures) t.diagnostic(JSON.stringify(failure))
    assert.equal(
      record.phases.reduce((sum, { failed }) => sum + failed, 0),
      0,
    )
    if (!readsOnly) assert.deepEqual((await generator.verify(settleMs)).findings, [])
  } finally {
    await generator.close()
  }
}

async function climb(t: TestContext, to: number, cacheNodes: number): Promise<void> {
  const startMs = Date.now()
  await system.tenfold('climb', '--to', String(to))
  t.diagnostic(`rung ${to} after ${Date.now() - startMs} ms`)
  await waitWhole(system)
  assert.equal((await nodesOf(system, 'redis')).length, cacheNodes)
  await systemClock.sleep(holdMs)
}

test('climbing 4 -> 5 under load, then kill -9 of a cache node, one that stands still and one that is wiped: no request fails', async (t) => {
  await underLoad(t, false, async () => {
    await climb(t, 5, 3)
    const { names } = await (await system.client()).cache()
    assert.ok(
      names.some(({ asked }) => asked > 0),
      'nothing was asked of the cache',
    )
    const [killed, paused, wiped] = await nodesOf(system, 'redis')
    assert.ok(killed && paused && wiped)
    process.kill(killed.pid, 'SIGKILL')
    await system.waitStatus(`the return of ${killed.id}`, ({ nodes }) =>
      nodes.some(({ id, pid, state }) => id === killed.id && state === 'ready' && pid !== killed.pid),
    )
    process.kill(paused.pid, 'SIGSTOP')
    await systemClock.sleep(holdMs)
    process.kill(paused.pid, 'SIGCONT')
    await wipeCache(system, wiped)
    await systemClock.sleep(holdMs)
  })
  await allAreLoggedIn(system, cookies)
})

test('climbing 5 -> 7 under load fails no request, and there each web server is killed in turn and the cache is wiped: nobody is logged out', async (t) => {
  await underLoad(t, false, () => climb(t, 7, 3))
  await allAreLoggedIn(system, cookies)
  await underLoad(t, true, async () => {
    const webs = await nodesOf(system, 'web')
    assert.ok(webs.length >= 3)
    for (const web of webs) {
      process.kill(web.pid, 'SIGKILL')
      await allAreLoggedIn(system, cookies)
      await system.waitStatus(`the return of ${web.id}`, ({ nodes }) =>
        nodes.some(({ id, pid, state }) => id === web.id && state === 'ready' && pid !== web.pid),
      )
    }
    for (const node of await nodesOf(system, 'redis')) await wipeCache(system, node)
    await allAreLoggedIn(system, cookies)
  })
  const { names } = await (await system.client()).cache()
  const copies = names.find(({ name }) => name === 'tenfold')
  assert.ok(copies && copies.farHitRatio > 0, 'no session was read from the shared cache')
})

test('descending 7 -> 6 -> 4 under load fails no request and logs nobody out', async (t) => {
  await underLoad(t, false, async () => {
    await climb(t, 6, 3)
    await climb(t, 4, 0)
  })
  await allAreLoggedIn(system, cookies)
})
