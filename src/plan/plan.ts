// From what is true (the map) to what is wanted (a topology): the steps between, in an order in which no request fails.
//
// The order: what serves is started before what it replaces is stopped; a database moves, a cache and a queue are there before
// the web tier grows; and whoever answers the public address leaves it only when another already accepts on the same socket.
// Of many web processes that are replaced, each new one takes the place of an old one before the next is started: twice as
// many at once may be more than the machine has.

import { TenfoldError } from '../base/errors.ts'
import { type MapNode, nodesOf, type SystemMap, sharedNodesOf } from '../map/map.ts'
import { frontSettingsOf } from '../topology/front-settings.ts'
import { rungOf } from '../topology/rungs.ts'
import type { Topology } from '../topology/schema.ts'
import { webSettingsOf } from '../topology/web-settings.ts'
import { homeRegion, Placement } from './placement.ts'
import { planCache } from './plan-cache.ts'
import { planDatabase } from './plan-database.ts'
import { planQueue } from './plan-queue.ts'
import { wantedOf } from './plan-scale.ts'
import type { NodeSpec, Step } from './step.ts'

/** Pure: the same map and topology give the same steps. Empty when nothing is to be done. */
export function plan(map: SystemMap, topology: Topology): Step[] {
  refuseWhatIsNotBuilt(topology)
  const placement = new Placement(map)
  const database = planDatabase(map, topology, placement)
  const moves = database.some((step) => step.kind === 'switch-primary')
  const cache = planCache(map, topology, placement)
  const queue = planQueue(map, topology, placement)
  const sharedNodes = [...cache.nodes, ...queue.nodes]
  const processes = planProcesses(map, topology, placement, { databaseMoves: moves, sharedNodes })
  const steps = [...database, ...cache.before, ...queue.before, ...processes, ...cache.after, ...queue.after]
  const isSettled = JSON.stringify(map.topology) === JSON.stringify(topology) && map.rung === topology.rung
  if (steps.length === 0 && isSettled) return []
  return [{ kind: 'set-topology', topology }, ...steps, { kind: 'reach-rung', rung: topology.rung }]
}

function refuseWhatIsNotBuilt(topology: Topology): void {
  const refuse = (what: string, rung: number) => {
    throw new TenfoldError(
      'not-built',
      `${what} comes with rung ${rung} (${rungOf(rung).title}), which is not built yet`,
    )
  }
  if (topology.cache.nodes > 0 && !rungOf(5).isBuilt) refuse(`cache.nodes ${topology.cache.nodes}`, 5)
  if (topology.session.store === 'shared' && !rungOf(7).isBuilt) refuse('session.store shared', 7)
  if (topology.regions.length > 1) refuse(`${topology.regions.length} regions`, 8)
  if (topology.queue.engine === 'jetstream' && !rungOf(9).isBuilt) refuse('queue.engine jetstream', 9)
  if (topology.telemetry.collect) refuse('telemetry.collect', 10)
  if (topology.database.shards > 1) refuse(`database.shards ${topology.database.shards}`, 11)
  const rung = rungOf(topology.rung)
  if (!rung.isBuilt) refuse(`rung ${rung.number}`, rung.number)
}

function planProcesses(
  map: SystemMap,
  topology: Topology,
  placement: Placement,
  { databaseMoves, sharedNodes }: { databaseMoves: boolean; sharedNodes: readonly string[] },
): Step[] {
  const region = homeRegion(topology)
  const start = (node: NodeSpec): Step => ({ kind: 'start-node', node })
  const leave = (node: MapNode): Step => ({ kind: 'leave-entry', node: node.id })
  const stop = (node: MapNode): Step => ({ kind: 'stop-node', node: node.id })
  const surplus = (nodes: MapNode[], wanted: number) => nodes.slice(wanted)

  const fronts = nodesOf(map, 'front')
  const webs = nodesOf(map, 'web')
  const workers = nodesOf(map, 'worker')
  // A program of the user's has the database's address from its environment, and so only until the database moves.
  const isCommand = topology.web.command !== undefined
  const isMisled = (web: MapNode) =>
    isCommand &&
    (databaseMoves || (web.primary !== undefined && !map.shards.some(({ primary }) => primary === web.primary)))
  const wantedOfApp = webSettingsOf(topology, sharedNodes)
  const hasRead = (node: MapNode) => node.settings ?? webSettingsOf(map.topology, sharedNodesOf(map))
  const wanted = frontSettingsOf(topology)
  const isAsWanted = (front: MapNode) => (front.settings ?? frontSettingsOf(map.topology)) === wanted
  const keptFronts = fronts.filter((front) => front.entry && isAsWanted(front)).toSorted(readyFirst)
  const hasFront = topology.front.count > 0

  // A place on the public address is given at a process's birth: a web process that left it never takes it again.
  const kept = webs.filter((web) => (hasFront || web.entry) && hasRead(web) === wantedOfApp && !isMisled(web))
  const webCount = wantedOf(map, topology, 'web')
  const newWebs: NodeSpec[] = []
  for (let n = kept.length; n < webCount; n++)
    newWebs.push(placement.place('web', region, hasFront && n > 0 ? 'own' : 'beside', !hasFront))
  const keptNow = kept.slice(0, webCount)
  const goingWebs = [...webs.filter((web) => !kept.includes(web)), ...surplus(kept, webCount)]

  const goingFronts = [
    ...fronts.filter((front) => !keptFronts.includes(front)),
    ...surplus(keptFronts, topology.front.count),
  ]
  const newFronts: NodeSpec[] = []
  for (let n = keptFronts.length; n < topology.front.count; n++)
    newFronts.push(placement.place('front', region, 'beside', true))
  const newWorkers: NodeSpec[] = []
  const keptWorkers = workers.filter((worker) => hasRead(worker) === wantedOfApp)
  const workerCount = wantedOf(map, topology, 'worker')
  for (let n = keptWorkers.length; n < workerCount; n++) newWorkers.push(placement.place('worker', region, 'own'))

  // Who answers the public address goes when the fronts are there.
  const replaced = hasFront ? goingWebs.filter((web) => !web.entry).slice(0, newWebs.length) : []
  const inTurns = newWebs.flatMap((node, i) => [start(node), ...replaced.slice(i, i + 1).map(stop)])

  return [
    ...newWorkers.map(start),
    ...inTurns,
    ...newFronts.map(start),
    ...(hasFront ? keptNow.filter((web) => web.entry).map(leave) : []),
    // Several drain side by side: each is quicker when its clients have been told to go for a while.
    ...(goingFronts.length > 1 ? goingFronts.map(leave) : []),
    ...goingFronts.map(stop),
    ...goingWebs.filter((web) => !replaced.includes(web)).map(stop),
    ...workers.filter((worker) => !keptWorkers.includes(worker)).map(stop),
    ...surplus(keptWorkers, workerCount).map(stop),
  ]
}

/** Of fewer those stay that serve. */
function readyFirst(a: MapNode, b: MapNode): number {
  const rank = ({ state }: MapNode) => (state === 'ready' ? 0 : 1)
  return rank(a) - rank(b) || a.id.localeCompare(b.id, 'en', { numeric: true })
}
