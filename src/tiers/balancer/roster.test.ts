// Who gets the next request: the rules that a whole balancer shows only with luck in its timing.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
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
