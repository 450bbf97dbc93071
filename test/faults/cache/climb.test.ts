// The shared cache comes and goes under the tour's own load, loses nodes, and holds the sessions: no request fails, and nobody is
// logged out. One system for the whole file, since each takes a while to start.

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { waitUntil } from '../../../src/base/limits.ts'
import { LoadProcess } from '../../../src/tour/load/load-process.ts'
import { RunningSystem } from '../../running-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import { apply, waitWhole } from '../edge/edge-system.ts'
import {
  allAreLoggedIn,
  describeLatency,
  forgetItself,
  logInPeople,
  nodesOf,
  type RunningNode,
  roleOf,
  wipeCache,
} from './cache-system.ts'

const holdMs = 1000
const settleMs = 45_000
const people = Number(process.env['TENFOLD_FAULT_SESSIONS'] ?? 100)

let system: RunningSystem
let cookies: string[]

before(async () => {
  system = await RunningSystem.up(undefined, '--rung', '4')
  await waitWhole(system)
  cookies = await logInPeople(system, people)
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

/** What happened when, so that latencies can be told around it. */
type Mark = (title: string) => void

async function underLoad(t: TestContext, readsOnly: boolean, work: (mark: Mark) => Promise<void>): Promise<void> {
  const marks: Array<{ title: string; atMs: number }> = []
  const generator = new LoadProcess()
  try {
    const { urls } = await system.status()
    await generator.prepare({
      ...{ baseUrl: urls.app, ratePerSecond: Number(process.env['TENFOLD_FAULT_RATE'] ?? 50), connectionsMax: 32 },
      ...{ timeoutMs: 30_000, inFlightMax: 4000, seed: 5, people: 20, photos: 20, followsPerPerson: 2, readsOnly },
    })
    await generator.start()
    await work((title) => marks.push({ title, atMs: Date.now() }))
    const record = await generator.stop()
    for (const failure of record.failures) t.diagnostic(JSON.stringify(failure))
    for (const { title, atMs } of marks) t.diagnostic(`${title}: ${describeLatency(record, atMs)}`)
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

/** As another process. */
async function untilBack({ id, pid: former }: RunningNode): Promise<void> {
  await system.waitStatus(`the return of ${id}`, ({ nodes }) =>
    nodes.some(({ id: other, pid, state }) => other === id && state === 'ready' && pid !== former),
  )
}

test('4 -> 5 with one cache node, which dies, then three, of which one dies, one stands still and one is wiped, 5 -> 7: no request fails', async (t) => {
  await underLoad(t, false, async (mark) => {
    await apply(system, { rung: 5, cache: { nodes: 1 } })
    const [only, ...others] = await nodesOf(system, 'redis')
    assert.ok(only && others.length === 0)
    mark('kill -9 of the only cache node')
    process.kill(only.pid, 'SIGKILL')
    await untilBack(only)
    await climb(t, 5, 3)
    const { names } = await (await system.client()).cache()
    assert.ok(
      names.some(({ asked }) => asked > 0),
      'nothing was asked of the cache',
    )
    const [killed, paused, wiped] = await nodesOf(system, 'redis')
    assert.ok(killed && paused && wiped)
    mark('kill -9 of a cache node')
    process.kill(killed.pid, 'SIGKILL')
    await untilBack(killed)
    mark('SIGSTOP of a cache node')
    process.kill(paused.pid, 'SIGSTOP')
    await systemClock.sleep(holdMs)
    process.kill(paused.pid, 'SIGCONT')
    await wipeCache(system, wiped)
    await systemClock.sleep(holdMs)
    await climb(t, 7, 3)
  })
  await allAreLoggedIn(system, cookies)
})

test('on rung 7 each web server is killed in turn, the cache is wiped, the primary dies: no GET fails, nobody is logged out', async (t) => {
  await underLoad(t, true, async () => {
    const webs = await nodesOf(system, 'web')
    assert.ok(webs.length >= 3)
    for (const web of webs) {
      process.kill(web.pid, 'SIGKILL')
      await allAreLoggedIn(system, cookies)
      await untilBack(web)
    }
    for (const node of await nodesOf(system, 'redis')) await wipeCache(system, node)
    await allAreLoggedIn(system, cookies)
    const primary = (await nodesOf(system, 'postgres')).find(({ database }) => database === 'primary')
    assert.ok(primary)
    process.kill(primary.pid, 'SIGKILL')
    for (const node of await nodesOf(system, 'redis')) await wipeCache(system, node)
    await allAreLoggedIn(system, cookies)
    await system.waitStatus('another primary', ({ shards }) => shards.every((shard) => shard.primary !== primary.id))
    await allAreLoggedIn(system, cookies)
  })
  await waitWhole(system)
  const { names } = await (await system.client()).cache()
  const copies = names.find(({ name }) => name === 'tenfold-session')
  assert.ok(copies && copies.farHitRatio > 0, 'no session was read from the shared cache')
})

test('7 -> 6 with a cluster in place of the ring, a primary of it dies and forgets who it was, 6 -> 4: no request fails, nobody is logged out', async (t) => {
  await underLoad(t, false, async (mark) => {
    await apply(system, { rung: 6, cache: { layout: 'cluster' } })
    const nodes = await nodesOf(system, 'redis')
    assert.equal(nodes.length, 6)
    const [primary] = nodes.filter(({ standsBy }) => standsBy === undefined)
    const replica = nodes.find(({ standsBy }) => standsBy === primary?.id)
    assert.ok(primary && replica)
    // It stands still until its replica has taken over, since it would be back before anybody saw that it was gone.
    mark('SIGSTOP of a primary of the cluster')
    process.kill(primary.pid, 'SIGSTOP')
    const tookOver = async () => (await roleOf(system, replica)) === 'master'
    await waitUntil(tookOver, { what: `${replica.id} taking over`, timeoutMs: 60_000, intervalMs: 100 })
    await forgetItself(system, primary)
    process.kill(primary.pid, 'SIGKILL')
    await untilBack(primary)
    const follows = async () => (await roleOf(system, primary)) === 'slave'
    await waitUntil(follows, { what: `${primary.id} following`, timeoutMs: 60_000, intervalMs: 100 })
    await climb(t, 4, 0)
  })
  await allAreLoggedIn(system, cookies)
})
