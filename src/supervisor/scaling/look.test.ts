// What is seen of a web tier: processes that tell, that do not, that are no processes of ours, and the fronts before them.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { homeOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import type { DoorState } from '../../processes/door/contract.ts'
import { DoorServer } from '../../processes/door/server.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { lookAtWebs } from './look.ts'

const use = { activeMs: 1, idleMs: 2, cpuMs: 3, cores: 4 }
const now = () => performance.now()

test('each process tells its own use; one that is silent, starts or is another one by now has none', async (t) => {
  const home = homeOf(await mkdtemp(join(tmpdir(), 'tenfold-look-')))
  t.after(() => rm(home.dir, { recursive: true, force: true }))
  const told: Array<[string, Partial<DoorState>]> = [
    ['us-east/web-1', { use }],
    ['us-east/web-2', { use }],
    ['us-east/front-1', { p99Ms: 20 }],
    ['us-east/front-2', { p99Ms: 30 }],
    ['us-east/front-3', {}],
  ]
  for (const [node, more] of told) {
    const state = { node, mapVersion: 1, isReady: true, hasEntry: false, inFlight: 0, ...more }
    const door = new DoorServer(home, node, { state: () => state, applyMap: async () => {} })
    await door.start()
    t.after(() => door.stop())
  }
  const look = await lookAtWebs(
    home,
    mapOf({}, [
      node('us-east/web-1', {}),
      node('us-east/web-2', { pid: 1 }),
      node('us-east/web-3', {}),
      node('us-east/web-4', { state: 'starting' }),
      node('us-east/web-5', { state: 'draining' }),
      ...told.flatMap(([id]) => (id.includes('front') ? node(id, { role: 'front' }) : [])),
    ]),
    now,
  )
  assert.deepEqual(
    look.webs.map(({ id, isReady, use }) => [id, isReady, use]),
    [
      ['us-east/web-1', true, use],
      ['us-east/web-2', true, undefined],
      ['us-east/web-3', true, undefined],
      ['us-east/web-4', false, undefined],
    ],
  )
  assert.equal(look.p99Ms, 30)
})

test('a program is as busy as one core', { skip: process.platform !== 'linux' && 'there is no /proc' }, async () => {
  const map = mapOf({ command: 'node server.js' }, [
    node('us-east/web-1', {}),
    node('us-east/web-2', { pid: 2 ** 22 + 1 }),
  ])
  const lookAtUse = async () => (await lookAtWebs(homeOf(tmpdir()), map, now)).webs
  const [before, gone] = await lookAtUse()
  assert.equal(gone?.use, undefined)
  const startMs = now()
  while (now() - startMs < 300);
  const [after] = await lookAtUse()
  const activeMs = Number(after?.use?.activeMs) - Number(before?.use?.activeMs)
  const passedMs = activeMs + Number(after?.use?.idleMs) - Number(before?.use?.idleMs)
  assert.ok(activeMs > 0 && passedMs >= 300, `${activeMs} of ${passedMs} ms`)
})

function node(id: string, more: Partial<MapNode>): MapNode {
  return {
    ...{ id, role: 'web', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 1 },
    ...{ pid: process.pid, state: 'ready', since: '', restarts: 0, entry: false },
    ...more,
  }
}

function mapOf(web: { command?: string }, nodes: MapNode[]): SystemMap {
  return {
    ...{
      version: 1,
      system: 'look',
      rung: 3,
      topology: resolveTopology({ rung: 3, web }),
      appDir: '/',
      portBase: 8000,
    },
    ...{ entry: { address: '127.0.0.1', port: 1 }, hasHostAddresses: false, shards: [], regions: [], nodes },
  }
}
