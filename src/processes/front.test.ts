// A real front process: inherited public socket, door, map, in front of servers of the test.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { waitUntil } from '../base/limits.ts'
import type { MapNode } from '../map/map.ts'
import { writeMap } from '../map/store.ts'
import { ask, rawSocket } from '../tiers/balancer/testing/bench.ts'
import { DoorClient } from './door/client.ts'
import { upstreamsOf } from './front/upstreams.ts'
import { frontId, openFrontSystem, startFront } from './testing/front-system.ts'

const limitMs = 10_000
const overrides = { front: { algorithm: 'round-robin' as const, slowStartMs: 0 } }

test('a front process serves the public socket, follows the map, hands over and drains', async (t) => {
  const system = await openFrontSystem(t, overrides)
  const { home, bound, map, a, b } = system
  const publicPort = bound.address().port
  const front = startFront(system)
  const door = new DoorClient(home, frontId)
  const state = await waitUntil(() => door.state(), { what: 'the door', timeoutMs: limitMs })
  assert.deepEqual([state.isReady, state.hasEntry, state.mapVersion], [true, true, 1])

  // Only a answers: b is still starting. The public address passes even health paths on, the private one does not.
  for (let i = 0; i < 4; i++) assert.equal((await ask(publicPort, '/bytes/1')).status, 200)
  assert.deepEqual([a.asked.length, b.asked.length], [4, 0])
  const own = map.nodes[0] as MapNode
  assert.equal((await ask(own.port, '/-/ready')).body, 'ok\n')
  assert.equal((await ask(own.port, '/-/live')).body, 'ok\n')
  assert.equal((await ask(publicPort, '/-/live')).status, 404)
  assert.equal((await ask(own.port, '/bytes/1')).status, 200)

  const both = { ...map, version: 2, nodes: map.nodes.map((node): MapNode => ({ ...node, state: 'ready' })) }
  await writeMap(home.map, both)
  assert.equal((await door.applyMap()).mapVersion, 2)
  for (let i = 0; i < 8; i++) await ask(publicPort, '/bytes/1')
  assert.ok(b.asked.length >= 3)

  const kept = await rawSocket(publicPort)
  kept.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(kept, 'data')
  const taken = { ...both, version: 3, nodes: both.nodes.map((node) => ({ ...node, entry: false })) }
  await writeMap(home.map, taken)
  assert.equal((await door.applyMap()).hasEntry, false)
  kept.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1.1 200.*connection: close/is)
  assert.equal((await door.leaveEntry()).hasEntry, false)
  await assert.rejects(door.startSupervisor(['-e', '']), /does not hold the public socket/)

  const exited = once(front, 'exit')
  front.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('a process that holds the public socket starts a successor that inherits it', async (t) => {
  const system = await openFrontSystem(t, overrides)
  const { home, bound } = system
  const front = startFront(system)
  const door = new DoorClient(home, frontId)
  await waitUntil(() => door.state(), { what: 'the door', timeoutMs: limitMs })
  const script = `require('node:net').createServer((socket) => socket.end('successor')).listen({ fd: 3 })`
  const { pid } = await door.startSupervisor(['-e', script])
  t.after(() => process.kill(pid, 'SIGKILL'))
  front.kill('SIGKILL')
  await once(front, 'exit')
  const client = await rawSocket(bound.address().port)
  assert.equal(String((await once(client, 'data'))[0]), 'successor')
})

test('the servers of a front are the web nodes of its region that are there', async (t) => {
  const { map } = await openFrontSystem(t, overrides)
  const web = (id: string, over: Partial<MapNode>): MapNode => ({ ...(map.nodes[1] as MapNode), id, ...over })
  const nodes = [
    ...[web('us-east/web-1', { state: 'ready' }), web('us-east/web-2', { state: 'draining' })],
    ...[web('us-east/web-3', { state: 'starting' }), web('us-east/web-4', { state: 'down' })],
    ...[web('eu-west/web-1', { region: 'eu-west', state: 'ready' }), web('us-east/worker-1', { role: 'worker' })],
  ]
  const { servers, algorithm, bodyBytesMax } = upstreamsOf({ ...map, nodes }, 'us-east')
  assert.deepEqual(
    servers.map(({ id, isDraining }) => [id, isDraining]),
    [
      ['us-east/web-1', false],
      ['us-east/web-2', true],
    ],
  )
  assert.equal(algorithm, map.topology.front.algorithm)
  assert.equal(bodyBytesMax, map.topology.web.bodyBytesMax)
})
