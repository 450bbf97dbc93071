// Who gets the next request: the rules that a whole balancer shows only with luck in its timing.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { openChannel } from '../../base/channels.ts'
import { type Clock, ManualClock, systemClock } from '../../base/clock.ts'
import { waitUntil } from '../../base/limits.ts'
import { defaultBalancerOptions } from './options.ts'
import { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'
import { upstreamsOf } from './testing/bench.ts'
import { openUpstreamServer } from './testing/upstream-server.ts'

const limitMs = 5000

test('a server goes after `fall` bad checks in a row and comes back after `rise` good ones', async (t) => {
  const { roster, server, state } = await openRoster(t, { rise: 3, fall: 2, healthIntervalMs: 1 }, systemClock)
  let inARow = 0
  server.server.server.on('request', () => inARow++)
  const turns: Array<[string, number]> = []
  t.after(openChannel('tenfold:upstream').subscribe(({ event }) => turns.push([event, inARow])))
  for (const isReady of [false, true]) {
    server.isReady = isReady
    inARow = 0
    await waitUntil(() => state.isUp === isReady, { what: `isUp ${isReady}`, timeoutMs: limitMs })
  }
  // The check that was under way when the server changed its mind may still have said the old thing.
  const [down, up] = turns
  assert.deepEqual([down?.[0], up?.[0]], ['down', 'up'])
  assert.ok([2, 3].includes(down?.[1] ?? 0), `down after ${down?.[1]}`)
  assert.ok([3, 4].includes(up?.[1] ?? 0), `up after ${up?.[1]}`)
  assert.equal(roster.pick(), state)
})

test('an ejected server is asked again at once, not after the interval', async (t) => {
  const { roster, state } = await openRoster(t, {})
  roster.failed(state, 'refused', 'refused', 1)
  assert.equal(state.isUp, false)
  await waitUntil(() => state.isUp, { what: 'the server back without the clock moving', timeoutMs: limitMs })
})

test('draining, tried and full servers are not picked; a server that is down only when no other is left', async (t) => {
  const places = ['a', 'b', 'c'].map((name, i) => ({ name, port: i + 1 }))
  const roster = new Roster(upstreamsOf(places, { inFlightPerServerMax: 1 }), defaultBalancerOptions, new ManualClock())
  t.after(() => roster.close())
  const [a, b, c] = roster.servers as [ServerState, ServerState, ServerState]
  roster.failed(b, 'refused', 'refused', 1)
  for (let i = 0; i < 4; i++) assert.notEqual(roster.pick(), b)
  assert.equal(roster.pick({ tried: [a, c] }), b)
  assert.equal(roster.pick({ tried: [a, b, c] }), undefined)
  for (const server of [a, b, c]) roster.took(server)
  assert.equal(roster.pick(), 'full')
  roster.released(c)
  assert.equal(roster.pick(), c)
  const { servers, ...rest } = upstreamsOf(places)
  const left = roster.update({
    ...rest,
    servers: servers.slice(0, 2).map((server) => ({ ...server, isDraining: true })),
  })
  assert.deepEqual(left, [c])
  assert.equal(roster.pick(), undefined)
})

test('a server that passes its checks and fails its requests is out until the next check is due, not for a moment', async (t) => {
  const clock = new ManualClock()
  const { roster, server, state } = await openRoster(t, { ejectAfter: 2 }, clock)
  let checks = 0
  server.server.server.on('request', () => checks++)
  for (let i = 0; i < 2; i++) roster.failed(state, 'reset', 'reset', 1)
  for (let i = 0; i < 20; i++) await setImmediate()
  assert.deepEqual([state.isUp, checks], [false, 0])
  await clock.advance(1000)
  await waitUntil(() => state.isUp, { what: 'the server back', timeoutMs: limitMs })
  assert.equal(checks, 1)
})

test('failures in a row take a server out, and one good answer between them starts the count anew', (t) => {
  const { roster, servers } = standing(t, ['a', 'b'], { ejectAfter: 3 })
  const [a] = servers as [ServerState, ServerState]
  for (const kind of ['reset', 'timeout'] as const) roster.failed(a, kind, kind, 5)
  roster.answered(a, 5)
  for (const kind of ['bad-answer', 'reset'] as const) roster.failed(a, kind, kind, 5)
  assert.equal(a.isUp, true)
  roster.failed(a, 'local', 'no descriptors left', 5)
  assert.equal(a.isUp, true, 'what is wrong with us says nothing about the server')
  roster.failed(a, 'timeout', 'silence', 5)
  assert.deepEqual([a.isUp, a.reason], [false, 'silence'])
})

test('below the panic share checks are not believed, but who refuses connections is not asked', (t) => {
  const { roster, servers } = standing(t, ['a', 'b', 'c', 'd'], { ejectAfter: 1, panicShare: 0.5 })
  const [a, b, c, d] = servers as [ServerState, ServerState, ServerState, ServerState]
  const picked = () => new Set(Array.from({ length: 12 }, () => roster.pick()))
  roster.failed(a, 'refused', 'refused', 1)
  roster.failed(b, 'timeout', 'silence', 1)
  assert.deepEqual(picked(), new Set([c, d]), 'half of them is enough')
  roster.failed(c, 'timeout', 'silence', 1)
  assert.deepEqual(picked(), new Set([b, c, d]), 'all that accept connections')
  for (const server of [b, c, d]) roster.failed(server, 'refused', 'refused', 1)
  assert.deepEqual(picked(), new Set([a, b, c, d]), 'when all refuse, nobody knows better')
})

test('a server that comes back begins with a tenth of its share', async (t) => {
  const clock = new ManualClock()
  const { roster, server, state } = await openRoster(t, { slowStartMs: 1000 }, clock)
  assert.equal(state.shareAt(clock.monotonic()), 1, 'it was there from the beginning')
  server.isReady = true
  roster.failed(state, 'refused', 'refused', 1)
  await waitUntil(() => state.isUp, { what: 'the server back', timeoutMs: limitMs })
  assert.equal(state.shareAt(clock.monotonic()), 0.1)
  await clock.advance(500)
  assert.equal(state.shareAt(clock.monotonic()), 0.5)
  await clock.advance(500)
  assert.equal(state.shareAt(clock.monotonic()), 1)
})

test('the wanted server is picked when it can take the request, and another one when not', (t) => {
  const { roster, servers } = standing(t, ['a', 'b'], { inFlightPerServerMax: 1 })
  const [a, b] = servers as [ServerState, ServerState]
  for (let i = 0; i < 4; i++) assert.equal(roster.pick({ wanted: b }), b)
  roster.took(b)
  assert.equal(roster.pick({ wanted: b }), a)
  roster.released(b)
  assert.equal(roster.pick({ wanted: b, tried: [b] }), a)
})

test('who waits is told of room: a request that ended at a full server, a server that came, a higher limit', (t) => {
  const { roster, servers } = standing(t, ['a'], { inFlightPerServerMax: 2 })
  const [a] = servers as [ServerState]
  let told = 0
  roster.onRoom = () => void told++
  roster.took(a)
  roster.released(a)
  assert.equal(told, 0, 'there was room all the time')
  for (let i = 0; i < 2; i++) roster.took(a)
  assert.deepEqual([roster.pick(), roster.hasRoom], ['full', false])
  roster.released(a)
  assert.deepEqual([told, roster.hasRoom, roster.pick()], [1, true, a])
  roster.took(a)
  roster.update(upstreamsOf([{ name: 'a', port: 1 }], { inFlightPerServerMax: 3 }))
  assert.deepEqual([told, roster.hasRoom, roster.pick()], [2, true, a])
})

test('a lower limit makes servers full that were not, and their requests end one by one', (t) => {
  const { roster, servers } = standing(t, ['a'], { inFlightPerServerMax: 9 })
  const [a] = servers as [ServerState]
  for (let i = 0; i < 5; i++) roster.took(a)
  roster.update(upstreamsOf([{ name: 'a', port: 1 }], { inFlightPerServerMax: 2 }))
  for (let i = 0; i < 3; i++) {
    assert.equal(roster.pick(), 'full', `${a.inFlight} of 2`)
    roster.released(a)
  }
  assert.equal(roster.pick(), 'full', '2 of 2')
  roster.released(a)
  assert.equal(roster.pick(), a)
})

/** On a clock that stands still, of servers that nobody opened: their first checks fail, and count for nothing yet. */
function standing(t: TestContext, names: readonly string[], over: Parameters<typeof upstreamsOf>[1]) {
  const places = names.map((name, i) => ({ name, port: i + 1 }))
  const roster = new Roster(upstreamsOf(places, { fall: 1000, ...over }), defaultBalancerOptions, new ManualClock())
  t.after(() => roster.close())
  return { roster, servers: roster.servers }
}

async function openRoster(t: TestContext, over: Parameters<typeof upstreamsOf>[1], clock: Clock = new ManualClock()) {
  const server = await openUpstreamServer('a')
  const roster = new Roster(upstreamsOf([server], { healthIntervalMs: 1000, ...over }), defaultBalancerOptions, clock)
  t.after(async () => {
    roster.close()
    await server.close()
  })
  await waitUntil(() => roster.isSettled, { what: 'the first check', timeoutMs: limitMs })
  return { roster, server, state: roster.servers[0] as ServerState }
}
