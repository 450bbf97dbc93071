// A front whose balancer is a HAProxy: killed with -9 it leaves that serving, and the front that takes its place takes it over.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeError, isTenfoldError } from '../base/errors.ts'
import { waitUntil, withTimeout } from '../base/limits.ts'
import { haproxyDirOf } from '../map/home.ts'
import type { MapNode } from '../map/map.ts'
import { writeMap } from '../map/store.ts'
import { findHaproxy } from '../programs/haproxy/binary.ts'
import { isProcessAlive } from '../programs/process.ts'
import { ask, startLoad } from '../tiers/balancer/testing/bench.ts'
import { DoorClient } from './door/client.ts'
import { frontId, openFrontSystem, startFront } from './testing/front-system.ts'

const limitMs = 10_000
const missing = await findHaproxy().then(() => undefined, describeError)
const skip = process.env['CI'] === 'true' ? false : missing

test('a front with a HAProxy that is killed leaves it serving, and its successor takes it over', {
  skip,
}, async (t) => {
  const front = { engine: 'haproxy' as const, healthIntervalMs: 100, slowStartMs: 0 }
  const system = await openFrontSystem(t, { front })
  const { home, map, bound, a, b } = system
  const { port } = bound.address()
  const door = new DoorClient(home, frontId)
  const masterPid = async () =>
    JSON.parse(await readFile(join(haproxyDirOf(home, frontId), 'record.json'), 'utf8')).masterPid as number

  const first = startFront(system)
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
  const second = startFront(system)
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

test('a change that a front could not apply is applied when it is told again', { skip }, async (t) => {
  const front = { engine: 'haproxy' as const, healthIntervalMs: 100, slowStartMs: 0 }
  const system = await openFrontSystem(t, { front })
  const { home, map, bound, a, b } = system
  const dir = haproxyDirOf(home, frontId)
  const door = new DoorClient(home, frontId)
  startFront(system)
  await waitUntil(async () => (await door.state()).isReady, { what: 'the front', timeoutMs: limitMs })

  // Neither its sockets nor its configuration can be reached: the change fails, and the door says so.
  await rename(dir, `${dir}.away`)
  const nodes = map.nodes.map((node): MapNode => ({ ...node, state: node.port === a.port ? 'draining' : 'ready' }))
  await writeMap(home.map, { ...map, version: 2, nodes })
  const isRefused = () => door.applyMap().then(undefined, (error) => isTenfoldError(error, 'program-failed'))
  await waitUntil(async () => (await isRefused()) === true, { what: 'the refusal', timeoutMs: limitMs })
  await rename(`${dir}.away`, dir)
  const isApplied = async () => (await door.applyMap()).mapVersion === 2
  await waitUntil(isApplied, { what: 'the change', timeoutMs: limitMs })
  const asked = a.asked.length
  await waitUntil(async () => (await ask(bound.address().port, '/bytes/1')).status === 200, {
    what: 'b',
    timeoutMs: limitMs,
  })
  assert.deepEqual([a.asked.length, b.asked.length > 0], [asked, true])
})
