// The steps of the database: commits are asked for less before copies go, and for more only when the copies are there; the
// primary moves while it is alone or followed by whoever takes its place.

import { type Durability, type MapNode, type MapShard, nodesOf, type SystemMap } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'
import { homeRegion, type Placement } from './placement.ts'
import type { NodeSpec, Step } from './step.ts'

const strength: Record<Durability, number> = { single: 0, async: 1, quorum: 2 }

export function planDatabase(map: SystemMap, topology: Topology, placement: Placement): Step[] {
  const [shard] = map.shards
  const steps = shard ? [] : [createShard(topology, placement)]
  const id = shard?.id ?? 's1'
  const before = shard?.durability ?? 'single'
  const { durability } = topology.database
  const setDurability: Step[] = durability === before ? [] : [{ kind: 'set-durability', shard: id, durability }]
  const copies = planCopies(map, shard, topology, placement)
  if (strength[durability] < strength[before]) return [...steps, ...setDurability, ...copies]
  return [...steps, ...copies, ...setDurability]
}

function createShard(topology: Topology, placement: Placement): Step {
  const node = placement.place('postgres', homeRegion(topology), topology.database.placement)
  const slots = Array.from({ length: topology.database.slots }, (_, slot) => slot)
  return { kind: 'create-database', node, shard: 's1', slots }
}

/** The primary to where it belongs, then as many replicas as are wanted. What a move that broke off has left is used, or goes. */
function planCopies(map: SystemMap, shard: MapShard | undefined, topology: Topology, placement: Placement): Step[] {
  const id = shard?.id ?? 's1'
  const region = homeRegion(topology)
  const { replicas } = topology.database
  const isBeside = (node: Pick<MapNode, 'host'>) => node.host === `${region}/host-1`
  const belongs = (node: Pick<MapNode, 'host'>) => isBeside(node) === (topology.database.placement === 'beside')
  const clone = (node: NodeSpec): Step => ({ kind: 'clone-database', node, shard: id })
  const own = nodesOf(map, 'postgres').filter((node) => node.shard === id)
  const primary = own.find((node) => node.id === shard?.primary)
  let copies = own.filter((node) => node !== primary)
  const steps: Step[] = []
  if (primary && !belongs(primary)) {
    const there = copies.find((copy) => belongs(copy) && copy.state === 'ready') ?? copies.find(belongs)
    const to = there ? specOf(there) : placement.place('postgres', region, topology.database.placement)
    steps.push(clone(to), { kind: 'switch-primary', shard: id, from: primary.id, to: to.id })
    copies = [...copies.filter((copy) => copy !== there), primary]
  }
  // Those that run stay, and of them rather those that have a host of their own.
  const kept = copies.toSorted((a, b) => worth(b) - worth(a)).slice(0, replicas)
  const going = copies.filter((copy) => !kept.includes(copy))
  const begun = kept.filter(({ state, pid }) => state === 'starting' && pid === null)
  steps.push(...begun.map((node) => clone(specOf(node))))
  for (let n = kept.length; n < replicas; n++) steps.push(clone(placement.place('postgres', region, 'own')))
  return [...steps, ...going.map((node): Step => ({ kind: 'remove-database', node: node.id, shard: id }))]

  function worth(node: MapNode): number {
    return (node.state === 'ready' ? 2 : 0) + (isBeside(node) ? 0 : 1)
  }
}

function specOf({ id, role, region, host, address, port, entry }: MapNode): NodeSpec {
  return { id, role, region, host, address, port, entry }
}
