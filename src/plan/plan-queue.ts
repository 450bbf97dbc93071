// The steps of the queue's brokers: they serve before any process uses them, and go when none does any more and nothing is left
// in them. A process reads at its start which there are, so that another queue means other processes (plan.ts).
//
// Brokers of one queue are there from its beginning to its end: one of another size is another queue, and what the former one
// still has when its last process is gone comes to the database, from where the new one gets it.

import { type MapNode, type MapQueue, nodesOf, queueNodesOf, type SystemMap } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'
import { homeRegion, type Placement } from './placement.ts'
import type { NodeSpec, Step } from './step.ts'

interface QueuePlan {
  /** Before the first process is started. */
  before: Step[]
  /** After the last process that is replaced has stopped. */
  after: Step[]
  /** The nodes as processes read them at their start. */
  nodes: string[]
}

export function planQueue(map: SystemMap, topology: Topology, placement: Placement): QueuePlan {
  const { engine, nodes: size } = topology.queue
  const present = nodesOf(map, 'nats')
  const { nodes: used = [], left = [] }: Partial<MapQueue> = map.queue ?? {}
  const own = engine === 'jetstream' ? ownNodes(present, [used, ...left], size) : []
  const wanted = engine === 'jetstream' && own.length === 0 ? placeQueue(size, topology, placement) : own.map(specOf)
  const ids = wanted.map(({ id }) => id)
  const isReady = (id: string) => present.some((node) => node.id === id && node.state !== 'starting')
  const former = [used, ...left].filter((queue) => queue.length > 0 && !isSame(queue, ids))
  const words = queueNodesOf({ nodes: wanted as MapNode[], queue: { nodes: ids } })
  const changes = !isSame(used, ids)
  return {
    before: [
      ...wanted.filter(({ id }) => !isReady(id)).map((node): Step => ({ kind: 'start-node', node })),
      ...(changes ? [useQueue(ids, former)] : []),
    ],
    after: [
      ...former.map((nodes): Step => ({ kind: 'empty-broker', nodes })),
      ...present.filter(({ id }) => !ids.includes(id)).map(({ id }): Step => ({ kind: 'stop-node', node: id })),
    ],
    nodes: words,
  }
}

function useQueue(nodes: string[], former: string[][]): Step {
  return { kind: 'use-queue', queue: { nodes, ...(former.length > 0 && { left: former }) } }
}

/** Of a queue of that size that is used, or was, or was only made; empty when there is none. */
function ownNodes(present: readonly MapNode[], known: readonly string[][], size: number): MapNode[] {
  const strangers = present.filter(({ id }) => !known.flat().includes(id))
  const made = Map.groupBy(strangers, ({ id, peers }) => peers?.join() ?? id)
  const queues = [
    ...known.map((ids) => present.filter(({ id }) => ids.includes(id))),
    // Those who founded a cluster do it together or not at all. One that was told to go takes the others along.
    ...[...made.values()].filter(
      (nodes) => nodes.length === (nodes[0]?.peers?.length ?? 1) && nodes.every(({ state }) => state !== 'draining'),
    ),
  ]
  return queues.find((nodes) => nodes.length === size) ?? []
}

function placeQueue(size: number, topology: Topology, placement: Placement): NodeSpec[] {
  const place = () => placement.place('nats', homeRegion(topology), 'own')
  if (size === 1) return [place()]
  const nodes = Array.from({ length: size }, () => ({ ...place(), busPort: placement.port() }))
  const peers = nodes.map(({ address, busPort }) => `${address}:${busPort}`)
  return nodes.map((node) => ({ ...node, peers }))
}

function specOf({ id, role, region, host, address, port, entry, busPort, peers }: MapNode): NodeSpec {
  return {
    ...{ id, role, region, host, address, port, entry },
    ...(busPort !== undefined && { busPort }),
    ...(peers !== undefined && { peers }),
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}
