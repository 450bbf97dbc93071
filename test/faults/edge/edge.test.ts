// What the edge must hold while things break: the servers are asked once, what is purged is gone everywhere, what was kept is
// given when no server answers, and a front that dies is not missed.

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { waitUntil } from '../../../src/base/limits.ts'
import type { TopologyInput } from '../../../src/topology/schema.ts'
import type { RunningSystem } from '../../running-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import {
  apply,
  askSecurely,
  everyMs,
  frontsOf,
  get,
  timesMade,
  underLoad,
  upWithEdge,
  waitWhole,
  websOf,
} from './edge-system.ts'

let system: RunningSystem

before(async () => {
  system = await upWithEdge()
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('1,000 concurrent misses of one object over two fronts reach the servers once', async () => {
  const fronts = await frontsOf(system)
  const asked = Array.from({ length: 1000 }, (_, n) => get(system, '/made/wanted?delayMs=1000', fronts[n % 2]))
  const answers = await Promise.all(asked)
  assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${body}`))], ['200 wanted 1'])
  assert.equal(await timesMade(system, 'wanted'), 1)
})

test('what the edge keeps and saves is told: by the command line, the API and Prometheus', async () => {
  const client = await system.client()
  await client.metrics()
  for (const front of await frontsOf(system))
    for (let round = 0; round < 20; round++) await get(system, '/made/counted', front)
  const { total, nodes } = await client.edge()
  assert.ok(
    total.objects > 0 && total.requests.hit > 0 && total.bytesOut > total.bytesFromOrigin && total.cost.saved > 0,
  )
  assert.equal(Object.keys(nodes).length, 2)
  assert.match((await system.tenfold('edge')).stdout, /hit \d+ \(\d.*a CDN would bill \d/s)
  const ratios = async () => Object.values(await client.metrics()).flatMap(({ hitRatio }) => hitRatio ?? [])
  const told = await waitUntil(async () => (await ratios()).length > 0 && ratios(), {
    what: 'a ratio',
    timeoutMs: 5000,
  })
  assert.ok(
    told.every((ratio) => ratio > 0 && ratio <= 1),
    String(told),
  )
})

test('a purge by tag is seen at every front within a second; a soft one too, and it costs a question only', async (t) => {
  const path = '/made/tagged?tag=album-7'
  const fronts = await frontsOf(system)
  for (const front of fronts) assert.equal((await get(system, path, front)).body, 'tagged 1')
  for (const [round, words] of [
    ['--tag', 'album-7'],
    ['--tag', 'album-7', '--soft'],
  ].entries()) {
    const startMs = Date.now()
    const said = await system.tenfold('purge', ...words)
    const seen = await Promise.all(fronts.map((front) => get(system, path, front)))
    t.diagnostic(`${said.stdout.trim()}; all of it took ${Date.now() - startMs} ms`)
    assert.deepEqual(
      seen.map(({ body }) => body),
      fronts.map(() => `tagged ${round + 2}`),
    )
  }
  await system.tenfold('purge', '--tag', 'album-8')
  for (const front of fronts) assert.equal((await get(system, path, front)).body, 'tagged 3')
  await system.tenfold('purge', '--url', path)
  assert.equal((await get(system, path)).body, 'tagged 4')
})

test('a front that stands still while something is purged never gives it again', async () => {
  const path = '/made/paused?tag=paused'
  const fronts = await frontsOf(system)
  const [paused] = fronts
  assert.ok(paused)
  for (const front of fronts) assert.equal((await get(system, path, front)).body, 'paused 1')
  process.kill(paused.pid, 'SIGSTOP')
  const asked = get(system, path, paused)
  const client = await system.client()
  const purged = await client.purge({ tag: 'paused' })
  assert.deepEqual(purged.pending, [paused.id])
  process.kill(paused.pid, 'SIGCONT')
  await asked // on its way before it could hear of anything
  const isGone = async () => (await get(system, path, paused)).body !== 'paused 1'
  await waitUntil(isGone, { what: 'the purge at the front that stood still', timeoutMs: 5000 })
  for (const front of fronts) assert.notEqual((await get(system, path, front)).body, 'paused 1')
})

test('all servers are gone: what was kept is given, marked as stale, and what was not is refused', async (t) => {
  const stale = '/made/short?control=max-age%3D1'
  const fresh = '/made/long?control=max-age%3D600'
  const fronts = await frontsOf(system)
  for (const front of fronts) for (const path of [stale, fresh]) await get(system, path, front)
  await systemClock.sleep(2100) // past its second, whatever the seconds of its Date were
  const flag = join(system.dir, 'broken')
  await writeFile(flag, '')
  for (const { pid } of await websOf(system)) process.kill(pid, 'SIGKILL')
  await systemClock.sleep(500)
  for (const front of fronts) {
    const [old, young, none] = await Promise.all([stale, fresh, '/made/none'].map((path) => get(system, path, front)))
    t.diagnostic(`${front.id}: ${old?.cache}`)
    assert.deepEqual([old?.status, old?.body], [200, 'short 1'])
    assert.match(String(old?.cache), /fwd=stale|stale/)
    assert.ok(Number(old?.age) >= 2)
    assert.deepEqual([young?.status, young?.body], [200, 'long 1'])
    assert.ok(Number(none?.status) >= 502)
  }
  await rm(flag)
  await waitWhole(system)
  const isBack = async () => (await get(system, stale)).body === 'short 2'
  await waitUntil(isBack, { what: 'a newer answer', timeoutMs: 20_000 })
})

test('kill -9 of a front: nobody is refused, and it comes back with what it kept on disk', async (t) => {
  const fronts = await frontsOf(system)
  const paths = ['/made/kept-a', '/made/kept-b']
  // Asked for again and again, so that they are worth the disk.
  for (let round = 0; round < 3; round++)
    for (const front of fronts) for (const path of paths) await get(system, path, front)
  await systemClock.sleep(500)
  let isOver = false
  const failed: string[] = []
  let answered = 0
  const ask = async () => {
    while (!isOver) {
      await get(system, paths[answered % 2] as string).then(
        ({ status }) => void (status === 200 ? answered++ : failed.push(`status ${status}`)),
        (error: NodeJS.ErrnoException) => void failed.push(String(error.code)),
      )
      await systemClock.sleep(everyMs)
    }
  }
  const clients = Array.from({ length: 8 }, ask)
  for (const { id, pid } of fronts) {
    process.kill(pid, 'SIGKILL')
    await system.waitStatus(`the return of ${id}`, ({ nodes }) => {
      const node = nodes.find((candidate) => candidate.id === id)
      return node?.state === 'ready' && node.pid !== pid
    })
  }
  isOver = true
  await Promise.all(clients)
  t.diagnostic(`${answered} answered, ${failed.length} failed: ${[...new Set(failed)].join(', ')}`)
  // Those that the dying front had in its hands: a client sees its connection reset, and asks again.
  assert.ok(
    failed.every((why) => why === 'ECONNRESET' || why === 'EPIPE') && failed.length <= clients.length * 2,
    String(failed),
  )
  assert.ok(answered > 100)
  for (const front of await frontsOf(system)) assert.match((await get(system, '/made/kept-a', front)).cache, /hit/)
  assert.deepEqual(await Promise.all(['kept-a', 'kept-b'].map((name) => timesMade(system, name))), [1, 1])
})

test('rules of the topology are followed without a new process', async () => {
  const path = '/made/ruled?noise=1'
  const pids = (await frontsOf(system)).map(({ pid }) => pid)
  assert.equal((await get(system, path)).body, 'ruled 1')
  const rules: NonNullable<TopologyInput['edge']>['rules'] = [
    { path: '/made/ruled', query: 'none' },
    { path: '/made/never*', keep: 'never' },
  ]
  await apply(system, { rung: 3, front: { count: 2 }, edge: { enabled: true, rules } })
  assert.deepEqual(
    (await frontsOf(system)).map(({ pid }) => pid),
    pids,
  )
  const bodies = await Promise.all(['1', '2', '3'].map((noise) => get(system, `/made/ruled?noise=${noise}`)))
  assert.deepEqual(new Set(bodies.map(({ body }) => body)), new Set(['ruled 2']))
  assert.notEqual((await get(system, '/made/never')).body, (await get(system, '/made/never')).body)
})

test('what a front reads at its start is changed under load without a failed request', async (t) => {
  const before = await frontsOf(system)
  await underLoad(t, system, () =>
    apply(system, {
      rung: 3,
      front: { count: 2, accessLog: 'combined', tls: { enabled: true } },
      edge: { enabled: true },
    }),
  )
  assert.ok((await frontsOf(system)).every(({ id }) => before.every((old) => old.id !== id)))
  const { urls } = await system.status()
  await assert.rejects(fetch(`${urls.tls}/made/any`), /fetch failed/, 'a certificate for local use is nobody\u2019s')
  assert.equal(await askSecurely(`${urls.tls}/made/any`), 200)
})

test('kill -9 of the supervisor while fronts are exchanged: the next one finishes it, with both sockets, and nothing fails', async (t) => {
  await underLoad(t, system, async () => {
    const client = await system.client()
    const { supervisor } = await system.status()
    const watching = new AbortController()
    const events = client.events(watching.signal)
    await events.next() // the present status: from here on nothing is missed
    const front = { count: 2, accessLog: 'json', tls: { enabled: true } } as const
    await client.apply({ topology: { rung: 3, front, edge: { enabled: true } } })
    for await (const event of events)
      if (event.name === 'progress' && /^drain and stop us-east\/front/.test(event.data?.step ?? '')) break
    process.kill(Number(supervisor?.pid), 'SIGKILL')
    watching.abort()
    await system.tenfold('up', '--detach')
    await waitWhole(system)
  })
  const { urls, topology, nodes } = await system.status()
  assert.equal(topology.front.accessLog, 'json')
  assert.equal(nodes.filter(({ role }) => role === 'front').length, 2)
  assert.equal(await askSecurely(`${urls.tls}/made/any`), 200)
})

test('connections are passed on as they are, after a change under load without a failed request', async (t) => {
  await underLoad(t, system, () =>
    apply(system, { rung: 3, front: { count: 2, mode: 'tcp' }, edge: { enabled: false } }),
  )
  const said = await get(system, '/made/through')
  assert.deepEqual([said.status, said.cache], [200, ''])
  await underLoad(t, system, () => apply(system, { rung: 3, front: { count: 1 } }))
  assert.equal((await frontsOf(system)).length, 1)
})
