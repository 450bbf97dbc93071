// To brokers of the queue and away from them: nodes, processes and what is left in them, in their order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveTopology } from '../topology/topology.ts'
import { plan } from './plan.ts'
import type { Step } from './step.ts'
import { assertQueueIsSound, carryOut, describe, reach, reachTopology, start } from './testing.ts'

const brokers = (...numbers: number[]) => numbers.map((n) => `us-east/nats-${n}`)
const seven = reach(start, 7)
const three = resolveTopology({ rung: 9 })
const without = resolveTopology({ rung: 7 })
const stepsOf = (map: typeof seven, topology: typeof three) => describe(plan(map, topology)).slice(1, -1)

test('brokers serve before any process uses them, and are emptied when the last such process is gone', () => {
  assert.deepEqual(stepsOf(seven, three), [
    ...brokers(1, 2, 3).map((id) => `start-node ${id}`),
    'use-queue 3',
    ...['start-node us-east/worker-1', 'start-node us-east/worker-2'],
    ...[1, 2, 3].flatMap((n) => [`start-node us-east/web-${n + 3}`, `stop-node us-east/web-${n}`]),
  ])
  const nine = reachTopology(seven, three)
  assert.deepEqual(plan(nine, three), [])
  const back = stepsOf(nine, without)
  assert.equal(back[0], 'use-queue 0')
  assert.deepEqual(back.slice(-4), [
    `empty-broker ${brokers(1, 2, 3)}`,
    ...brokers(1, 2, 3).map((id) => `stop-node ${id}`),
  ])
  assert.ok(back.indexOf('stop-node us-east/worker-2') < back.indexOf(`empty-broker ${brokers(1, 2, 3)}`))
  const home = reachTopology(nine, without)
  assert.ok(!home.nodes.some(({ role }) => role === 'nats' || role === 'worker'))
})

test('three brokers know each other from their birth, each by a port of its own', () => {
  const specs = plan(seven, three).flatMap((step) =>
    step.kind === 'start-node' && step.node.role === 'nats' ? step.node : [],
  )
  const own = specs.map(({ address, busPort }) => `${address}:${busPort}`)
  for (const { peers } of specs) assert.deepEqual(peers, own)
  assert.equal(new Set(specs.flatMap(({ port, busPort }) => [port, busPort])).size, 6)
})

test('a queue of another size is another queue: what the former one has comes to the new one by way of the database', () => {
  const one = resolveTopology({ ...three, queue: { engine: 'jetstream', nodes: 1 } })
  const steps = stepsOf(reachTopology(seven, three), one)
  assert.deepEqual(steps.slice(0, 2), ['start-node us-east/nats-4', 'use-queue 1'])
  assert.deepEqual(steps.slice(-4), [
    `empty-broker ${brokers(1, 2, 3)}`,
    ...brokers(1, 2, 3).map((id) => `stop-node ${id}`),
  ])
})

test('a plan that broke off anywhere is gone on with, or gone back from, and no job is left behind', () => {
  const one = resolveTopology({ ...three, queue: { engine: 'jetstream', nodes: 1 } })
  const nine = reachTopology(seven, three)
  for (const [from, to] of [
    [seven, three],
    [nine, without],
    [nine, one],
  ] as const) {
    const steps = plan(from, to)
    for (let done = 0; done <= steps.length; done++) {
      const half = steps.slice(0, done).reduce(carryOut, from)
      for (const target of [three, without, one]) {
        let map = half
        for (const step of plan(half, target)) {
          map = carryOut(map, step)
          assertQueueIsSound(map)
        }
        assert.deepEqual(plan(map, target), [], `after ${done} steps of ${describe([...steps])}`)
        assert.equal(map.queue?.left, undefined)
        const { engine, nodes } = target.queue
        assert.equal(map.nodes.filter(({ role }) => role === 'nats').length, engine === 'jetstream' ? nodes : 0)
      }
    }
  }
})

test('brokers whose founding broke off are not used, and those that were all there are', () => {
  const steps = plan(seven, three)
  const started = (count: number) => steps.slice(0, 1 + count).reduce(carryOut, seven)
  assert.deepEqual(
    stepsOf(started(2), three).filter((step) => step.includes('nats')),
    [...brokers(3, 4, 5).map((id) => `start-node ${id}`), ...brokers(1, 2).map((id) => `stop-node ${id}`)],
  )
  assert.equal(stepsOf(started(3), three)[0], 'use-queue 3')
  const going = structuredClone(started(3))
  for (const node of going.nodes) if (node.id === 'us-east/nats-2') node.state = 'draining' // it could not be stopped
  assert.deepEqual(
    stepsOf(going, three).filter((step) => step.includes('nats')),
    [...brokers(4, 5, 6).map((id) => `start-node ${id}`), ...brokers(1, 2, 3).map((id) => `stop-node ${id}`)],
  )
})

test('a broker that starts again is waited for, and not founded anew', () => {
  const nine = structuredClone(reachTopology(seven, three))
  for (const node of nine.nodes) if (node.id === 'us-east/nats-2') node.state = 'starting'
  const steps: Step[] = plan(nine, three)
  assert.deepEqual(describe(steps), ['set-topology', 'start-node us-east/nats-2', 'reach-rung'])
  const [, again] = steps
  assert.ok(again?.kind === 'start-node')
  assert.equal(again.node.peers?.length, 3)
})
