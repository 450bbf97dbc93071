// A real front process: inherited public socket, door, map, in front of servers of the test.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../base/limits.ts'
import { type Home, homeOf } from '../map/home.ts'
import type { MapNode, SystemMap } from '../map/map.ts'
import { makeSecrets } from '../map/secrets.ts'
import { writeMap } from '../map/store.ts'
import { ask, rawSocket } from '../tiers/balancer/testing/bench.ts'
import { openUpstreamServer, type UpstreamServer } from '../tiers/balancer/testing/upstream-server.ts'
import { resolveTopology } from '../topology/topology.ts'
import { DoorClient } from './door/client.ts'
import { upstreamsOf } from './front/upstreams.ts'

const address = '127.0.0.1'
const limitMs = 10_000
const frontId = 'us-east/front-1'

test('a front process serves the public socket, follows the map, hands over and drains', async (t) => {
  const { home, bound, map, a, b } = await openSystem(t)
  const publicPort = bound.address().port
  const front = startFront(t, home, bound.fd())
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
  const { home, bound } = await openSystem(t)
  await mkdir(home.logs) // the supervisor makes it, before its first process
  const front = startFront(t, home, bound.fd())
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
  const { map } = await openSystem(t)
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

interface System {
  home: Home
  map: SystemMap
  /** The public socket. */
  bound: BoundSocket
  a: UpstreamServer
  b: UpstreamServer
}

async function openSystem(t: TestContext): Promise<System> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-front-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  const [a, b] = await Promise.all([openUpstreamServer('a'), openUpstreamServer('b')])
  t.after(() => Promise.all([a.close(), b.close()]))
  const bound = new BoundSocket({ host: address, port: 0 })
  t.after(() => bound.close())
  const own = new BoundSocket({ host: address, port: 0 })
  const ownPort = own.address().port
  own.close()
  const node = (id: string, over: Partial<MapNode>): MapNode => ({
    ...{ id, role: 'web', region: 'us-east', host: 'us-east/host-1', address, port: 0, pid: null, state: 'ready' },
    ...{ since: new Date().toISOString(), restarts: 0, entry: false },
    ...over,
  })
  const map: SystemMap = {
    ...{
      version: 1,
      system: 'test',
      rung: 3,
      hasHostAddresses: false,
      appDir: dir,
      portBase: 0,
      shards: [],
      regions: [],
    },
    topology: resolveTopology({
      rung: 3,
      front: { algorithm: 'round-robin', slowStartMs: 0 },
      web: { healthPath: '/ready', drainMs: 2000 },
    }),
    entry: { address, port: bound.address().port },
    nodes: [
      node(frontId, { role: 'front', port: ownPort, entry: true }),
      node('us-east/web-1', { port: a.port }),
      node('us-east/web-2', { port: b.port, state: 'starting' }),
    ],
  }
  await writeMap(home.map, map)
  await makeSecrets(home)
  return { home, map, bound, a, b }
}

function startFront(t: TestContext, home: Home, fd: number): ChildProcess {
  const script = fileURLToPath(new URL('front.ts', import.meta.url))
  const env = { ...process.env, TENFOLD_HOME: home.dir, TENFOLD_NODE: frontId, LISTEN_FDS: '1' }
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit', fd], env })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return child
}
