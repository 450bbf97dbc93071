// The way between any two topologies, as pure data.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTenfoldError } from '../base/errors.ts'
import type { MapNode } from '../map/map.ts'
import { resolveTopology } from '../topology/topology.ts'
import { plan } from './plan.ts'
import type { Step } from './step.ts'
import {
  assertCacheIsSound,
  assertQueueIsSound,
  carryOut,
  describe,
  kindsTo,
  reach,
  reachTopology,
  start,
} from './testing.ts'

test('from nothing to rung 1: a database, then the web process on the public address', () => {
  assert.deepEqual(kindsTo(start, 1), [
    'set-topology',
    'create-database us-east/postgres-1',
    'start-node us-east/web-1',
    'reach-rung',
  ])
})

test('1 to 2 moves the database and touches no process', () => {
  assert.deepEqual(kindsTo(reach(start, 1), 2), [
    'set-topology',
    'clone-database us-east/postgres-2',
    'switch-primary us-east/postgres-2',
    'remove-database us-east/postgres-1',
    'reach-rung',
  ])
})

test('2 to 3 starts the second web server, then the balancer, and only then the first leaves the public address', () => {
  assert.deepEqual(kindsTo(reach(start, 1, 2), 3), [
    'set-topology',
    'start-node us-east/web-2',
    'start-node us-east/front-1',
    'leave-entry us-east/web-1',
    'reach-rung',
  ])
})

test('3 to 2 starts a web server on the public address before the balancer goes', () => {
  assert.deepEqual(kindsTo(reach(start, 1, 2, 3), 2), [
    'set-topology',
    'start-node us-east/web-3',
    'stop-node us-east/front-1',
    'stop-node us-east/web-1',
    'stop-node us-east/web-2',
    'reach-rung',
  ])
})

test('fronts are added and taken away one by one, and new ones serve before old ones go', () => {
  const two = { rung: 3, front: { count: 2 } }
  const map = reach(start, 1, 2, 3)
  assert.deepEqual(describe(plan(map, resolveTopology(two))).slice(1, -1), ['start-node us-east/front-2'])
  const reached = reachTopology(map, resolveTopology(two))
  assert.equal(reached.nodes.filter(({ role, entry }) => role === 'front' && entry).length, 2)
  const tuned = { ...two, front: { count: 2, algorithm: 'round-robin', queueMax: 7 } } as const
  assert.deepEqual(describe(plan(reached, resolveTopology(tuned))), ['set-topology', 'reach-rung'])
  assert.deepEqual(kindsTo(reached, 3).slice(1, -1), ['stop-node us-east/front-2'])
})

test('what a front reads at its start makes new ones, those that have it already stay', () => {
  const wanted = resolveTopology({ rung: 3, front: { count: 2, accessLog: 'json' } })
  const steps = plan(reach(start, 1, 2, 3), wanted)
  assert.deepEqual(describe(steps).slice(1, -1), [
    'start-node us-east/front-2',
    'start-node us-east/front-3',
    'stop-node us-east/front-1',
  ])
  const half = steps.slice(0, 2).reduce(carryOut, reach(start, 1, 2, 3))
  assert.deepEqual(describe(plan(half, wanted)).slice(1, -1), [
    'start-node us-east/front-3',
    'stop-node us-east/front-1',
  ])
})

test('of fewer fronts those stay that serve, whatever their place in the map', () => {
  const three = resolveTopology({ rung: 3, front: { count: 3 } })
  const map = reachTopology(reach(start, 1, 2, 3), three)
  const [first] = map.nodes.filter(({ role }) => role === 'front')
  Object.assign(first as MapNode, { state: 'down', pid: null })
  map.nodes.reverse()
  assert.deepEqual(describe(plan(map, resolveTopology({ rung: 3, front: { count: 2 } }))).slice(1, -1), [
    'stop-node us-east/front-1',
  ])
  const steps = describe(plan(map, resolveTopology({ rung: 3 })))
  assert.deepEqual(
    steps.filter((step) => step.startsWith('stop-node')),
    ['stop-node us-east/front-3', 'stop-node us-east/front-1'],
  )
})

test('3 to 4 adds two replicas and then asks for their word; 4 to 3 asks for less before they go', () => {
  const three = reach(start, 1, 2, 3)
  assert.deepEqual(kindsTo(three, 4), [
    'set-topology',
    'clone-database us-east/postgres-1',
    'clone-database us-east/postgres-3',
    'set-durability quorum',
    'reach-rung',
  ])
  assert.deepEqual(kindsTo(reach(three, 4), 3), [
    'set-topology',
    'set-durability single',
    'remove-database us-east/postgres-1',
    'remove-database us-east/postgres-3',
    'reach-rung',
  ])
})

test('5 to 6 starts two fronts with an edge before the one without goes, and 6 to 5 the other way round', () => {
  const five = reach(start, 1, 2, 3, 4, 5)
  assert.deepEqual(kindsTo(five, 6).slice(1, -1), [
    'start-node us-east/front-2',
    'start-node us-east/front-3',
    'stop-node us-east/front-1',
  ])
  // Given up after one has left, and called off: it cannot come back to the public address.
  const six = reach(five, 6)
  const begun = carryOut(six, { kind: 'leave-entry', node: 'us-east/front-2' })
  assert.deepEqual(kindsTo(begun, 6).slice(1, -1), ['start-node us-east/front-1', 'stop-node us-east/front-2'])
  assert.deepEqual(kindsTo(six, 5).slice(1, -1), [
    'start-node us-east/front-1',
    'leave-entry us-east/front-2',
    'leave-entry us-east/front-3',
    'stop-node us-east/front-2',
    'stop-node us-east/front-3',
  ])
})

test('4 to 1 moves the primary back when its replicas have gone, through one of them where it belongs there', () => {
  assert.deepEqual(kindsTo(reach(start, 1, 2, 3, 4), 1).slice(1, 7), [
    'set-durability single',
    'clone-database us-east/postgres-4',
    'switch-primary us-east/postgres-4',
    'remove-database us-east/postgres-1',
    'remove-database us-east/postgres-3',
    'remove-database us-east/postgres-2',
  ])
})

test('fewer replicas are those that run and have a host of their own', () => {
  const map = reach(start, 1, 2, 3, 4)
  const [idle] = map.nodes.filter(({ database }) => database === 'replica')
  Object.assign(idle as MapNode, { state: 'down', pid: null })
  const steps = describe(plan(map, resolveTopology({ rung: 4, database: { replicas: 1 } })))
  assert.deepEqual(steps.slice(1, -1), [`remove-database ${idle?.id}`])
})

test('there is nothing to do where one already is', () => {
  for (const rung of [1, 2, 3, 4, 5, 6, 7, 9]) assert.deepEqual(plan(reach(start, rung), resolveTopology({ rung })), [])
})

test('a rung or setting that is not built is refused by name', () => {
  for (const [topology, message] of [
    [{ rung: 8 }, /2 regions comes with rung 8 \(data centers\), which is not built yet/],
    [{ rung: 3, database: { shards: 4 } }, /database\.shards 4 comes with rung 11/],
  ] as const)
    assert.throws(
      () => plan(start, resolveTopology(topology)),
      (error) => isTenfoldError(error, 'not-built') && message.test(error.message),
    )
})

test('a program of the user is replaced when the database moves, since its address is in its environment', () => {
  const command = { command: 'node server.js' }
  const map = reachTopology(start, resolveTopology({ rung: 1, front: { count: 1 }, web: command }))
  const kinds = describe(plan(map, resolveTopology({ rung: 2, front: { count: 1 }, web: command })))
  assert.ok(kinds.indexOf('start-node us-east/web-2') > kinds.indexOf('switch-primary us-east/postgres-2'))
  assert.ok(kinds.includes('stop-node us-east/web-1'))
})

test('a program whose environment names a primary that is none any more is replaced', () => {
  const topology = resolveTopology({ rung: 4, web: { command: 'node server.js' } })
  const map = reachTopology(start, topology)
  const [shard] = map.shards
  for (const node of map.nodes) if (node.role === 'web') node.primary = shard?.primary as string
  assert.deepEqual(plan(map, topology), [])
  assert.ok(shard)
  shard.primary = shard.replicas[0] as string
  assert.deepEqual(
    describe(plan(map, topology)).filter((step) => /web/.test(step)),
    ['start-node us-east/web-3', 'stop-node us-east/web-1', 'start-node us-east/web-4', 'stop-node us-east/web-2'],
  )
})

test('a move that was given up half-way goes on with its copy, and leaves none behind when it is called off', () => {
  const map = reach(start, 1)
  const [, clone] = plan(map, resolveTopology({ rung: 2 })) as [Step, Extract<Step, { kind: 'clone-database' }>]
  const half = carryOut(map, clone)
  assert.deepEqual(kindsTo(half, 2).slice(1, 3), [
    'clone-database us-east/postgres-2',
    'switch-primary us-east/postgres-2',
  ])
  assert.deepEqual(kindsTo(half, 1), ['set-topology', 'remove-database us-east/postgres-2', 'reach-rung'])
})

test('along any way through the rungs someone always answers the public address, and no name or port is given twice', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 9), { minLength: 1, maxLength: 8 }), (way) => {
      let map = start
      for (const rung of way) {
        for (const step of plan(map, resolveTopology({ rung }))) {
          const hadEntry = map.nodes.some((node) => node.entry)
          map = carryOut(map, step)
          if (hadEntry)
            assert.ok(
              map.nodes.some((node) => node.entry),
              `nobody answers after ${step.kind} to ${rung} on ${way}`,
            )
          assert.equal(new Set(map.nodes.map((node) => node.id)).size, map.nodes.length)
          assert.equal(new Set(map.nodes.map((node) => node.port)).size, map.nodes.length)
          assertCacheIsSound(map)
          assertQueueIsSound(map)
        }
        assert.deepEqual(plan(map, resolveTopology({ rung })), [], `rung ${rung} is reached`)
      }
    }),
  )
})
