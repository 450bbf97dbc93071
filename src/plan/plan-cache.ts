// The steps of the shared cache: its nodes serve before any process uses them, and go when none does any more. A process reads
// at its start which nodes there are, so that other nodes mean other processes (plan.ts).
//
// Sessions are read from the shared cache only while every process knows the same nodes: whoever changes a session forgets the
// copy where he knows it to be. For the same reason new owners of keys are cleared when the last process has gone that told
// others of its changes.

import { cacheNodesOf, type MapCache, type MapNode, nodesOf, type SystemMap } from '../map/map.ts'
import { cacheSettingsOf } from '../topology/cache-settings.ts'
import type { Topology } from '../topology/schema.ts'
import { homeRegion, type Placement } from './placement.ts'
import type { NodeSpec, Step } from './step.ts'

interface CachePlan {
  /** Before the first process is started. */
  before: Step[]
  /** After the last process that is replaced has stopped. */
  after: Step[]
  /** The nodes as processes read them at their start. */
  nodes: string[]
}

type CacheNode = MapNode | NodeSpec

export function planCache(map: SystemMap, topology: Topology, placement: Placement): CachePlan {
  const { layout, nodes: count } = topology.cache
  const present = nodesOf(map, 'redis')
  const wanted: CacheNode[] =
    layout === 'ring' ? planRing(present, map, topology, placement) : planCluster(present, map, topology, placement)
  const isPresent = (node: CacheNode): node is MapNode => present.some(({ id }) => id === node.id)
  const starting = wanted.filter((node) => !isPresent(node) || node.state === 'starting').map(specOf)
  const settings = cacheSettingsOf(topology)
  const detuned = wanted.filter((node) => isPresent(node) && node.state !== 'starting' && node.settings !== settings)
  const ids = wanted.map(({ id }) => id)
  const mixed = newOwners(map.cache, ids)
  const cache: MapCache | null = count === 0 ? null : { layout, nodes: ids, ...(mixed.length > 0 && { mixed }) }
  const words = cacheNodesOf({ nodes: wanted as MapNode[], ...(cache && { cache }) })
  const changes = JSON.stringify(words.toSorted()) !== JSON.stringify(cacheNodesOf(map).toSorted())
  const formed = starting.length > 0 || changes
  const { store } = topology.session
  const leavesShared = map.sessions === 'shared' && (store === 'database' || changes)
  const reachesShared = store === 'shared' && (map.sessions !== 'shared' || changes)
  return {
    before: [
      ...detuned.map(({ id }): Step => ({ kind: 'tune-cache', node: id })),
      ...starting.map((node): Step => ({ kind: 'start-node', node })),
      ...(cache?.layout === 'cluster' && formed ? [{ kind: 'form-cluster' as const, nodes: cache.nodes }] : []),
      ...(leavesShared ? [{ kind: 'move-sessions' as const, to: 'database' as const }] : []),
      ...(changes ? [{ kind: 'use-cache' as const, cache }] : []),
    ],
    after: [
      ...present
        .filter(({ id }) => !wanted.some((node) => node.id === id))
        .map(({ id }): Step => ({ kind: 'stop-node', node: id })),
      ...(cache?.mixed ? [{ kind: 'clear-cache' as const, nodes: cache.mixed }] : []),
      ...(reachesShared ? [{ kind: 'move-sessions' as const, to: 'shared' as const }] : []),
    ],
    nodes: words,
  }
}

/** Where keys come to lie that had another place: at a node that is new, and everywhere when one goes. Those of a plan that broke off stay. */
function newOwners(before: MapCache | undefined, ids: readonly string[]): string[] {
  const isNew = (id: string) => !before?.nodes.includes(id) || before.mixed?.includes(id)
  const isAllNew = before?.nodes.some((id) => !ids.includes(id))
  return ids.filter((id) => isAllNew || isNew(id))
}

/** Those in use stay, as many as are wanted: the keys of the others move, and no more than theirs. */
function planRing(present: MapNode[], map: SystemMap, topology: Topology, placement: Placement): CacheNode[] {
  const { nodes: count } = topology.cache
  const rank = ({ id, state }: MapNode) => (map.cache?.nodes.includes(id) ? 2 : 0) + (state === 'ready' ? 1 : 0)
  const kept: CacheNode[] = present
    .filter(({ busPort }) => busPort === undefined)
    .toSorted((a, b) => rank(b) - rank(a) || a.id.localeCompare(b.id, 'en', { numeric: true }))
    .slice(0, count)
  while (kept.length < count) kept.push(placement.place('redis', homeRegion(topology), 'own'))
  return kept
}

/**
 * A cluster of another size is another cluster: new nodes, and the old ones go. Of one whose making broke off, the nodes are
 * used that are there.
 */
function planCluster(present: MapNode[], map: SystemMap, topology: Topology, placement: Placement): CacheNode[] {
  const { nodes: count } = topology.cache
  if (count === 0) return []
  const ofCluster = present.filter(({ busPort }) => busPort !== undefined)
  const isInUse = ({ id }: MapNode) => map.cache?.nodes.includes(id) ?? false
  const inUse = ofCluster.filter(isInUse)
  const usable = primariesOf(inUse).length === count ? inUse : ofCluster.filter((node) => !isInUse(node))
  const primaries: CacheNode[] = primariesOf(usable).slice(0, count)
  const place = (): NodeSpec => ({
    ...placement.place('redis', homeRegion(topology), 'own'),
    busPort: placement.port(),
  })
  while (primaries.length < count) primaries.push(place())
  const replicas = primaries.map(
    ({ id }): CacheNode => usable.find(({ standsBy }) => standsBy === id) ?? { ...place(), standsBy: id },
  )
  return [...primaries, ...replicas]
}

function primariesOf(nodes: readonly MapNode[]): MapNode[] {
  return nodes.filter(({ standsBy }) => standsBy === undefined)
}

function specOf(node: CacheNode): NodeSpec {
  const { id, role, region, host, address, port, entry, busPort, standsBy } = node
  return {
    ...{ id, role, region, host, address, port, entry },
    ...(busPort !== undefined && { busPort }),
    ...(standsBy !== undefined && { standsBy }),
  }
}
