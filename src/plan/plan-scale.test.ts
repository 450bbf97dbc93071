// The web tier by load, as pure data.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MapNode, NodeState, SystemMap } from '../map/map.ts'
import { resolveTopology } from '../topology/topology.ts'
import { webSettingsOf } from '../topology/web-settings.ts'
import { plan } from './plan.ts'
import { planScale, scaleWithin, wantedOf } from './plan-scale.ts'
import { type Step, titleOf } from './step.ts'

const topology = resolveTopology({ rung: 3, web: { count: 2, max: 5 } })

test('the number is written down before the first process starts; hosts and names that are free are taken', () => {
  assert.deepEqual(describe(planScale(mapWith('ready', 'ready'), 'web', 4)), [
    'set-scale 4',
    'start-node us-east/web-3 127.0.0.3',
    'start-node us-east/web-4 127.0.0.4',
  ])
})

test('of fewer those stay that serve, and of them the first; the last goes first', () => {
  const map = { ...mapWith('ready', 'down', 'ready', 'ready', 'ready'), scale: { web: 5 } }
  assert.deepEqual(describe(planScale(map, 'web', 2)), [
    'set-scale 2',
    'stop-node us-east/web-2',
    'stop-node us-east/web-5',
    'stop-node us-east/web-4',
  ])
})

test('one that was left while it drained does not count, and is stopped again', () => {
  const map = { ...mapWith('ready', 'ready', 'draining'), scale: { web: 3 } }
  assert.deepEqual(describe(planScale(map, 'web', 3)), [
    'start-node us-east/web-4 127.0.0.4',
    'stop-node us-east/web-3',
  ])
})

test('where everything is as wanted there is nothing to do', () => {
  assert.deepEqual(planScale({ ...mapWith('ready', 'ready'), scale: { web: 2 } }, 'web', 2), [])
})

test('workers come and go by themselves, and a climb takes their number along', () => {
  const byBacklog = resolveTopology({ rung: 3, worker: { count: 1, max: 4 } })
  const map = { ...mapWith('ready', 'ready'), topology: byBacklog, scale: { web: 2 } }
  const steps = planScale(map, 'worker', 9)
  assert.deepEqual(steps.map(titleOf), [
    'the load asks for 4 worker processes',
    ...[1, 2, 3, 4].map((n) => `start us-east/worker-${n} on us-east/host-${n + 2}`),
  ])
  for (const step of steps) carryOut(map, step)
  assert.deepEqual(map.scale, { web: 2, worker: 4 })
  const climb = plan(map, byBacklog).map(titleOf)
  assert.deepEqual(
    climb.filter((title) => title.includes('worker')),
    [],
  )
  assert.deepEqual(describe(planScale(map, 'worker', 3)), ['set-scale 3', 'stop-node us-east/worker-4'])
  const fewer = resolveTopology({ rung: 3, worker: { count: 1, max: 2 } })
  assert.deepEqual(scaleWithin(map, fewer), { worker: 2 })
  assert.equal(scaleWithin(map, resolveTopology({ rung: 3 })), undefined)
})

test('a topology takes the number along as far as it allows', () => {
  const map = { ...mapWith('ready', 'ready', 'ready', 'ready'), scale: { web: 4 } }
  const going = (web: { count: number; max?: number }) => {
    const steps = describe(plan(map, resolveTopology({ rung: 3, web })))
    return steps.filter((step) => /^(start|stop)-node us-east.web/.test(step)).length
  }
  assert.equal(going({ count: 2, max: 6 }), 0)
  assert.equal(going({ count: 2, max: 3 }), 1)
  assert.equal(going({ count: 5, max: 6 }), 1)
  assert.equal(going({ count: 2 }), 2)
})

test('from anywhere to any number: within the bounds, once and for all, and no name or port twice', () => {
  const state = fc.constantFrom<NodeState>('ready', 'ready', 'starting', 'down', 'draining')
  fc.assert(
    fc.property(fc.array(state, { maxLength: 8 }), fc.integer({ min: -2, max: 12 }), (states, number) => {
      const map = structuredClone(mapWith(...states))
      for (const step of planScale(map, 'web', number)) carryOut(map, step)
      const webs = map.nodes.filter(({ role }) => role === 'web')
      assert.equal(webs.length, Math.min(5, Math.max(2, number)))
      assert.equal(wantedOf(map, topology, 'web'), webs.length)
      assert.equal(new Set(map.nodes.map(({ port }) => port)).size, map.nodes.length)
      assert.deepEqual(planScale(map, 'web', number), [])
    }),
  )
})

function mapWith(...states: NodeState[]): SystemMap {
  const settings = webSettingsOf(topology, [])
  const nodes = states.map((state, index): MapNode => {
    const number = index + 1
    return {
      ...{ id: `us-east/web-${number}`, role: 'web', region: 'us-east', host: `us-east/host-${number}`, settings },
      ...{ address: `127.0.0.${number}`, port: 8100 + number, pid: 1, state, since: '', restarts: 0, entry: false },
    }
  })
  return {
    ...{ version: 1, system: 'test', rung: 3, topology, appDir: '/app', portBase: 8000, hasHostAddresses: true },
    ...{
      entry: { address: '127.0.0.1', port: 8080 },
      shards: [],
      regions: [{ id: 'us-east', healthy: true, weight: 1 }],
    },
    nodes,
  }
}

function describe(steps: readonly Step[]): string[] {
  return steps.map((step) => {
    if (step.kind === 'set-scale') return `${step.kind} ${step.web ?? step.worker}`
    if (step.kind === 'start-node') return `${step.kind} ${step.node.id} ${step.node.address}`
    return step.kind === 'stop-node' ? `${step.kind} ${step.node}` : step.kind
  })
}

/** What a step does to the map when all goes well. */
function carryOut(map: SystemMap, step: Step): void {
  if (step.kind === 'set-scale') {
    const { kind: _, ...numbers } = step
    map.scale = { ...map.scale, ...numbers }
  }
  if (step.kind === 'start-node') map.nodes.push({ ...step.node, pid: 1, state: 'ready', since: '', restarts: 0 })
  if (step.kind === 'stop-node') map.nodes = map.nodes.filter(({ id }) => id !== step.node)
}
