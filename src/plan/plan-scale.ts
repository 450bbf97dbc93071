// The web tier by load: how many processes are wanted between `web.count` and `web.max`, and the steps to them. That number is
// no wish of anybody: it lies in the map, and a climb takes it along as far as the new topology allows.

import { type MapNode, nodesOf, type SystemMap } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'
import { homeRegion, Placement } from './placement.ts'
import type { Step } from './step.ts'

/** How many web processes there may be; the same number twice where load changes nothing. */
export function webRange({ web: { count, max } }: Pick<Topology, 'web'>): { least: number; most: number } {
  return { least: count, most: Math.max(count, max ?? count) }
}

/** How many there shall be now. */
export function wantedWebs({ scale }: Pick<SystemMap, 'scale'>, topology: Pick<Topology, 'web'>): number {
  const { least, most } = webRange(topology)
  return Math.min(most, Math.max(least, scale?.web ?? least))
}

/** Only web processes come or go, and only where there is a balancer that tells requests to. Empty when all is as wanted. */
export function planScale(map: SystemMap, number: number): Step[] {
  const wanted = wantedWebs({ scale: { web: number } }, map.topology)
  const webs = nodesOf(map, 'web')
  // One that drains is on its way out, whoever sent it there: it is stopped again, and does not count.
  const staying = webs.filter(({ state }) => state !== 'draining').toSorted(firstToStay)
  const going = [...webs.filter(({ state }) => state === 'draining'), ...staying.slice(wanted).reverse()]
  const placement = new Placement(map)
  const steps: Step[] = []
  if (wanted !== wantedWebs(map, map.topology)) steps.push({ kind: 'set-scale', web: wanted })
  for (let n = staying.length; n < wanted; n++)
    steps.push({ kind: 'start-node', node: placement.place('web', homeRegion(map.topology), 'own') })
  for (const node of going) steps.push({ kind: 'stop-node', node: node.id })
  return steps
}

/** Those that serve, and of them those with the lowest number: the hosts that are given up are always the last ones. */
function firstToStay(a: MapNode, b: MapNode): number {
  const rank = ({ state }: MapNode) => (state === 'ready' ? 0 : 1)
  return rank(a) - rank(b) || a.id.localeCompare(b.id, 'en', { numeric: true })
}
