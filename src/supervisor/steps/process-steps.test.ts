// What becomes of a front that does not start, or has no process when it is stopped.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { haproxyDirOf, homeOf } from '../../map/home.ts'
import type { NodeSpec } from '../../plan/step.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { EventLog } from '../events.ts'
import { Fleet } from '../fleet.ts'
import { MapKeeper } from '../map-keeper.ts'
import type { NodeDriver } from '../nodes/driver.ts'
import type { System } from '../system.ts'
import { startNode, stopNode } from './process-steps.ts'

const spec: NodeSpec = {
  ...{ id: 'us-east/front-1', role: 'front', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 1 },
  entry: true,
}

test('of one that does not start nothing is left, nor of one that is down when it is stopped', async (t) => {
  const { system, left, dir } = await openSystem(t)
  await mkdir(dir, { recursive: true })
  await assert.rejects(startNode(system, spec), /does not start/)
  assert.deepEqual(left, [spec.id])
  assert.equal(system.keeper.node(spec.id), undefined)
  assert.equal(existsSync(dir), false)
  await system.keeper.change((draft) => {
    draft.nodes.push({ ...spec, pid: null, state: 'down', since: '', restarts: 0 })
  })
  await stopNode(system, spec.id)
  assert.deepEqual(left, [spec.id, spec.id])
  assert.equal(system.keeper.node(spec.id), undefined)
})

test('what cannot be stopped stays in the map, and the first failure is the one that is told', async (t) => {
  const { system } = await openSystem(t, async () => {
    throw new Error('it does not stop')
  })
  await assert.rejects(startNode(system, spec), /does not start/)
  assert.equal(system.keeper.node(spec.id)?.state, 'draining')
})

test('a broker that processes use, and that does not start again, keeps its place and what lies there', async (t) => {
  const { system, left } = await openSystem(t)
  const { keeper, home } = system
  const dataDir = join(home.dir, 'jobs')
  await mkdir(dataDir, { recursive: true })
  const broker: NodeSpec = { ...spec, id: 'us-east/nats-1', role: 'nats', entry: false }
  for (const queue of [{ nodes: [broker.id] }, { nodes: [], left: [[broker.id]] }]) {
    await keeper.change((draft) => {
      draft.nodes = [{ ...broker, pid: null, state: 'starting', since: '', restarts: 0, dataDir }]
      draft.queue = queue
    })
    await assert.rejects(startNode(system, broker), /does not start/)
    assert.equal(keeper.node(broker.id)?.state, 'down', 'the watcher starts what is down')
    assert.ok(existsSync(dataDir))
  }
  assert.deepEqual(left, [])
})

async function openSystem(t: TestContext, stopLeft?: () => Promise<void>) {
  const home = homeOf(await mkdtemp(join(tmpdir(), 'tenfold-steps-')))
  t.after(() => rm(home.dir, { recursive: true, force: true }))
  const left: string[] = []
  const driver: NodeDriver = {
    start: async () => {
      throw new Error('it does not start')
    },
    waitReady: async () => {},
    isAlive: () => false,
    isHealthy: async () => false,
    stop: async () => {},
    stopLeft: stopLeft ?? (async ({ id }) => void left.push(id)),
  }
  const events = new EventLog(pino({ level: 'silent' }))
  const keeper = new MapKeeper(home, {
    ...{ version: 1, system: 'steps', rung: 3, topology: resolveTopology({}), appDir: home.dir, portBase: 8000 },
    ...{ entry: { address: '127.0.0.1', port: 0 }, hasHostAddresses: false, shards: [], regions: [], nodes: [] },
  })
  const fleet = new Fleet(keeper, events, () => driver)
  return { system: { home, keeper, fleet, events } as unknown as System, left, dir: haproxyDirOf(home, spec.id) }
}
