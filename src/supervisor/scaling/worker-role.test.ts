// What is seen of the workers: those that tell, that do not, that start or go; and what waits, which one of them counts.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { homeOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { DoorServer } from '../../processes/door/server.ts'
import { durationBounds } from '../../processes/queue/report.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { whyOf } from './role-scaling.ts'
import { openWorkerScaling } from './worker-role.ts'

const topology = resolveTopology({ rung: 1, worker: { count: 1, max: 8, scale: { ageMsMax: 1000, windowMs: 1000 } } })

test('workers grow by the age that one of them counted; one that starts is one of them, one that drains is not', async (t) => {
  const home = homeOf(await mkdtemp(join(tmpdir(), 'tenfold-worker-role-')))
  t.after(() => rm(home.dir, { recursive: true, force: true }))
  const counted: string[] = []
  const use = { ...{ queue: 'slow', published: 0, done: 0, failed: 0, died: 0 }, busyMs: 0, passedMs: 1 }
  const rates = { publishedPerSecond: 0, donePerSecond: 0, failedPerSecond: 0 }
  const rest = { ...rates, durations: durationBounds.map(() => 0), durationSumMs: 0, slowest: [], inFlight: 2 }
  const doorOf = (id: string) =>
    new DoorServer(home, id, {
      state: () => ({ node: id, mapVersion: 1, isReady: true, hasEntry: false, inFlight: 0 }),
      applyMap: async () => {},
      queue: async (request) => {
        assert.ok(request.kind === 'report')
        if (request.withDepth) counted.push(id)
        const depth = { queue: 'slow', waiting: 1000, delayed: 0, leased: 4, dead: 0, isMore: false, oldestMs: 9000 }
        const publishedOnly = { ...use, ...rest, queue: 'elsewhere', passedMs: 0 }
        return {
          queues: [{ ...use, ...rest }, publishedOnly],
          depth: request.withDepth ? [depth] : null,
          trouble: null,
        }
      },
    })
  const doors = ['us-east/worker-1', 'us-east/worker-2'].map(doorOf)
  for (const door of doors) await door.start()
  t.after(() => Promise.all(doors.map((door) => door.stop())))
  const map = mapOf([
    node('us-east/worker-1', {}),
    node('us-east/worker-2', {}),
    node('us-east/worker-3', { state: 'starting' }),
    node('us-east/worker-4', { state: 'draining' }),
    node('us-east/web-1', { role: 'web' }),
  ])
  const scaling = openWorkerScaling(home)
  const { demand: unknown } = scaling
  assert.equal(unknown, undefined)
  assert.equal(whyOf(scaling), 'not known to be busy')
  let atMs = 0
  for (let startMs = performance.now(); scaling.demand === undefined || scaling.demand.processes === 3; ) {
    assert.ok(performance.now() - startMs < 30_000, `${scaling.demand?.processes} workers are asked for`)
    const look = await scaling.look(map)
    const passedMs = look.atMs - (atMs || look.atMs)
    atMs = look.atMs
    // Full, and about ten jobs a second each.
    use.busyMs += passedMs
    use.passedMs += passedMs
    use.done += passedMs / 100
    look.takeIn(topology)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal(
    scaling.demand?.processes,
    6,
    'twice as many as there are, with the one that starts and without the one that drains',
  )
  assert.ok(Number(scaling.demand?.utilisation) > 0.9)
  assert.match(whyOf(scaling), /^jobs of slow wait for too long, and \d+% busy$/)
  assert.deepEqual(new Set(counted), new Set(['us-east/worker-1']))
  assert.equal(scaling.next(3, atMs, topology), 6)
})

function node(id: string, more: Partial<MapNode>): MapNode {
  return {
    ...{ id, role: 'worker', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 1 },
    ...{ pid: process.pid, state: 'ready', since: '', restarts: 0, entry: false },
    ...more,
  }
}

function mapOf(nodes: MapNode[]): SystemMap {
  return {
    ...{ version: 1, system: 'look', rung: 1, topology, appDir: '/', portBase: 8000, hasHostAddresses: false },
    ...{ entry: { address: '127.0.0.1', port: 1 }, shards: [], regions: [], nodes },
  }
}
