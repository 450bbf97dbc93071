// A front whose balancer is a HAProxy: killed with -9 it leaves that serving, and the front that takes its place takes it over.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { describeError } from '../base/errors.ts'
import { waitUntil, withTimeout } from '../base/limits.ts'
import { haproxyDirOf, homeOf } from '../map/home.ts'
import type { MapNode, SystemMap } from '../map/map.ts'
import { makeSecrets } from '../map/secrets.ts'
import { writeMap } from '../map/store.ts'
import { findHaproxy } from '../programs/haproxy/binary.ts'
import { stopLeftHaproxy } from '../programs/haproxy/left.ts'
import { isProcessAlive } from '../programs/process.ts'
import { ask, startLoad } from '../tiers/balancer/testing/bench.ts'
import { openUpstreamServer } from '../tiers/balancer/testing/upstream-server.ts'
import { resolveTopology } from '../topology/topology.ts'
import { DoorClient } from './door/client.ts'

const address = '127.0.0.1'
const limitMs = 10_000
const frontId = 'us-east/front-1'
const missing = await findHaproxy().then(() => undefined, describeError)
const skip = process.env['CI'] === 'true' ? false : missing

test('a front with a HAProxy that is killed leaves it serving, and its successor takes it over', {
  skip,
}, async (t) => {
  const [a, b] = await Promise.all([openUpstreamServer('a'), openUpstreamServer('b')])
  t.after(() => Promise.all([a.close(), b.close()]))
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-front-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  t.after(() => stopLeftHaproxy(haproxyDirOf(home, frontId)))
  const bound = new BoundSocket({ host: address, port: 0 })
  t.after(() => bound.close())
  const { port } = bound.address()
  const map = mapOf(dir, port, [a.port, b.port])
  await mkdir(home.logs)
  await writeMap(home.map, map)
  await makeSecrets(home)
  const door = new DoorClient(home, frontId)
  const masterPid = async () =>
    JSON.parse(await readFile(join(haproxyDirOf(home, frontId), 'record.json'), 'utf8')).masterPid as number

  const first = startFront(t, dir, bound)
  await waitUntil(async () => (await door.state()).isReady, { what: 'the first front', timeoutMs: limitMs })
  const pid = await masterPid()
  const load = startLoad(port, [
    { path: '/echo' },
    { path: '/bytes/20000' },
    { path: '/echo', method: 'POST', body: 'x' },
  ])
  const more = async (what: string) => {
    const before = load.answered()
    await waitUntil(() => load.answered() > before + 100, { what, timeoutMs: limitMs })
  }
  await more('load on the first')
  first.kill('SIGKILL')
  await once(first, 'exit')
  await more('load on what it left')

  // Meanwhile the second server has come.
  const both = { ...map, version: 2, nodes: map.nodes.map((node): MapNode => ({ ...node, state: 'ready' })) }
  await writeMap(home.map, both)
  const second = startFront(t, dir, bound)
  await waitUntil(async () => (await door.state()).pid === second.pid, { what: 'the second front', timeoutMs: limitMs })
  const state = await door.state()
  assert.deepEqual([state.isReady, state.hasEntry, state.mapVersion], [true, true, 2])
  assert.equal(await masterPid(), pid, 'it started another HAProxy')
  await waitUntil(() => b.asked.length > 50, { what: 'requests at the second server', timeoutMs: limitMs })

  // The order for whoever stops a server: first the map says so, and the balancer has applied it.
  const nodes = both.nodes.map((node): MapNode => (node.port === a.port ? { ...node, state: 'draining' } : node))
  await writeMap(home.map, { ...both, version: 3, nodes })
  assert.equal((await door.applyMap()).mapVersion, 3)
  const asked = a.asked.length
  for (let i = 0; i < 6; i++) assert.equal((await ask(port, '/bytes/1')).status, 200)
  assert.ok(a.asked.length <= asked + 6, 'only what was under way may still come to it')
  const own = map.nodes[0] as MapNode
  assert.equal((await ask(own.port, '/-/ready')).body, 'ok\n')
  await load.stop()
  assert.deepEqual(load.failures, [])

  const exited = once(second, 'exit')
  second.kill('SIGTERM')
  assert.deepEqual(await withTimeout(exited, limitMs, 'the end of the second front'), [0, null])
  assert.equal(isProcessAlive(pid), false, 'a front that is stopped takes its HAProxy with it')
})

function mapOf(dir: string, entryPort: number, [a, b]: [number, number]): SystemMap {
  const own = new BoundSocket({ host: address, port: 0 })
  const ownPort = own.address().port
  own.close()
  const node = (id: string, over: Partial<MapNode>): MapNode => ({
    ...{ id, role: 'web', region: 'us-east', host: 'us-east/host-1', address, port: 0, pid: null, state: 'ready' },
    ...{ since: new Date().toISOString(), restarts: 0, entry: false },
    ...over,
  })
  const front = { engine: 'haproxy' as const, healthIntervalMs: 100, slowStartMs: 0 }
  return {
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
    topology: resolveTopology({ rung: 3, front, web: { healthPath: '/ready', drainMs: 2000 } }),
    entry: { address, port: entryPort },
    nodes: [
      node(frontId, { role: 'front', port: ownPort, entry: true }),
      node('us-east/web-1', { port: a }),
      node('us-east/web-2', { port: b, state: 'starting' }),
    ],
  }
}

function startFront(t: TestContext, dir: string, bound: BoundSocket): ChildProcess {
  const script = fileURLToPath(new URL('front.ts', import.meta.url))
  const env = { ...process.env, TENFOLD_HOME: dir, TENFOLD_NODE: frontId, LISTEN_FDS: '1' }
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit', bound.fd()], env })
  t.after(() => child.kill('SIGKILL'))
  return child
}
