// To a shared cache and away from it: nodes, processes and sessions in their order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MapNode } from '../map/map.ts'
import { cacheSettingsOf } from '../topology/cache-settings.ts'
import { resolveTopology } from '../topology/topology.ts'
import { plan } from './plan.ts'
import { carryOut, describe, kindsTo, reach, reachTopology, start } from './testing.ts'

test('4 to 5 starts the cache nodes, then processes that use them; 5 to 4 stops those before the nodes', () => {
  const four = reach(start, 1, 2, 3, 4)
  assert.deepEqual(kindsTo(four, 5).slice(1, -1), [
    ...[1, 2, 3].map((n) => `start-node us-east/redis-${n}`),
    'use-cache 3',
    ...['start-node us-east/web-3', 'stop-node us-east/web-1'],
    ...['start-node us-east/web-4', 'stop-node us-east/web-2'],
    'clear-cache us-east/redis-1,us-east/redis-2,us-east/redis-3',
  ])
  assert.deepEqual(kindsTo(reach(four, 5), 4).slice(1, -1), [
    'use-cache 0',
    ...['start-node us-east/web-1', 'stop-node us-east/web-3'],
    ...['start-node us-east/web-2', 'stop-node us-east/web-4'],
    ...[1, 2, 3].map((n) => `stop-node us-east/redis-${n}`),
  ])
})

test('6 to 7 moves the sessions when all processes are there and replaces none; 7 to 6 moves them back first', () => {
  const six = reach(start, 4, 5, 6)
  assert.deepEqual(kindsTo(six, 7).slice(1, -1), ['start-node us-east/web-1', 'move-sessions shared'])
  assert.deepEqual(kindsTo(reach(six, 7), 6).slice(1, -1), ['move-sessions database', 'stop-node us-east/web-1'])
})

test('4 to 7 at once moves the sessions after the last process that knows no cache has stopped, and back before the first one starts', () => {
  const four = reach(start, 4)
  const up = kindsTo(four, 7)
  assert.equal(up.at(-2), 'move-sessions shared')
  assert.ok(up.indexOf('stop-node us-east/web-2') < up.length - 2)
  const down = kindsTo(reach(four, 7), 4)
  assert.deepEqual(down.slice(1, 3), ['move-sessions database', 'use-cache 0'])
  assert.deepEqual(
    down.slice(-4, -1),
    [1, 2, 3].map((n) => `stop-node us-east/redis-${n}`),
  )
})

test('other cache nodes mean other processes, and sessions are read from the database meanwhile', () => {
  const seven = reach(start, 7)
  const more = resolveTopology({ rung: 7, cache: { nodes: 4 } })
  const steps = describe(plan(seven, more)).slice(1, -1)
  assert.deepEqual(steps.slice(0, 3), ['start-node us-east/redis-4', 'move-sessions database', 'use-cache 4'])
  assert.equal(steps.filter((step) => /^start-node us-east\/web/.test(step)).length, 3)
  // What was read there under the older processes may have been changed by them at its former place.
  assert.deepEqual(steps.slice(-2), ['clear-cache us-east/redis-4', 'move-sessions shared'])
  const back = describe(plan(reachTopology(seven, more), resolveTopology({ rung: 7 }))).slice(1, -1)
  assert.deepEqual(back.slice(-3), [
    'stop-node us-east/redis-4',
    'clear-cache us-east/redis-1,us-east/redis-2,us-east/redis-3',
    'move-sessions shared',
  ])
})

test('nodes that were not cleared before a plan broke off are cleared by the next one', () => {
  const four = reach(start, 4)
  const steps = plan(four, resolveTopology({ rung: 5 }))
  const half = steps
    .slice(
      0,
      steps.findIndex(({ kind }) => kind === 'clear-cache'),
    )
    .reduce(carryOut, four)
  assert.deepEqual(kindsTo(half, 5).slice(1, -1), ['clear-cache us-east/redis-1,us-east/redis-2,us-east/redis-3'])
})

test('a change of what cache nodes are configured to be is told to them, and replaces nobody', () => {
  const five = reach(start, 5)
  const larger = resolveTopology({ rung: 5, cache: { nodeBytesMax: 2 ** 28, persistence: 'aof' } })
  const steps = describe(plan(five, larger))
  assert.deepEqual(
    steps.slice(1, -1),
    [1, 2, 3].map((n) => `tune-cache us-east/redis-${n}`),
  )
  // One was started again meanwhile, and has read it.
  const half = structuredClone(five)
  half.topology = larger
  Object.assign(half.nodes.find(({ id }) => id === 'us-east/redis-2') as MapNode, { settings: cacheSettingsOf(larger) })
  assert.equal(plan(half, larger).filter(({ kind }) => kind === 'tune-cache').length, 2)
})

test('a cluster has a replica for each primary, is made before it is used, and one of another size is another one', () => {
  const three = resolveTopology({ rung: 5, cache: { layout: 'cluster' } })
  const steps = plan(reach(start, 5), three)
  const kinds = describe(steps)
  const nodes = steps.flatMap((step) => (step.kind === 'start-node' && step.node.role === 'redis' ? step.node : []))
  assert.deepEqual(
    nodes.map(({ standsBy }) => standsBy),
    [undefined, undefined, undefined, ...[4, 5, 6].map((n) => `us-east/redis-${n}`)],
  )
  assert.equal(new Set(nodes.flatMap(({ port, busPort }) => [port, busPort])).size, 12)
  assert.deepEqual(kinds.slice(7, 9), ['form-cluster', 'use-cache 6'])
  assert.ok(kinds.indexOf('stop-node us-east/redis-1') > kinds.indexOf('stop-node us-east/web-2'))
  const map = reachTopology(reach(start, 5), three)
  assert.deepEqual(plan(map, three), [])
  const larger = describe(plan(map, resolveTopology({ rung: 5, cache: { layout: 'cluster', nodes: 4 } })))
  assert.equal(larger.filter((step) => /^start-node us-east\/redis/.test(step)).length, 8)
  assert.equal(larger.filter((step) => /^stop-node us-east\/redis/.test(step)).length, 6)
})

test('a cluster whose making broke off is made of the nodes that are there', () => {
  const topology = resolveTopology({ rung: 5, cache: { layout: 'cluster' } })
  const half = plan(reach(start, 4), topology).slice(0, 6).reduce(carryOut, reach(start, 4))
  const steps = describe(plan(half, topology))
  assert.deepEqual(steps.slice(1, 4), ['start-node us-east/redis-6', 'form-cluster', 'use-cache 6'])
  const given = describe(plan(half, resolveTopology({ rung: 4 }))).slice(1, -1)
  assert.deepEqual(
    given,
    [1, 2, 3, 4, 5].map((n) => `stop-node us-east/redis-${n}`),
  )
})
