// A tier by load: how many of its processes are wanted between its `count` and its `max`, and the steps to them: web processes by
// what is asked of them, workers by what waits. That number is no wish of anybody: it lies in the map, and a climb takes it along
// as far as the new topology allows.

import { type MapNode, nodesOf, type ScaledRole, type SystemMap } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'
import { homeRegion, Placement } from './placement.ts'
import type { Step } from './step.ts'

export const scaledRoles: readonly ScaledRole[] = ['web', 'worker']

/** How many processes of the role there may be; the same number twice where load changes nothing. */
export function rangeOf(
  topology: { [R in ScaledRole]: Pick<Topology[R], 'count' | 'max'> },
  role: ScaledRole,
): { least: number; most: number } {
  const { count, max } = topology[role]
  return { least: count, most: Math.max(count, max ?? count) }
}

/** How many there shall be now. */
export function wantedOf(
  { scale }: Pick<SystemMap, 'scale'>,
  topology: Pick<Topology, ScaledRole>,
  role: ScaledRole,
): number {
  const { least, most } = rangeOf(topology, role)
  return Math.min(most, Math.max(least, scale?.[role] ?? least))
}

/** What the load has asked for, as far as a new topology lets it ask; undefined when it asks for nothing any more. */
export function scaleWithin({ scale }: Pick<SystemMap, 'scale'>, topology: Topology): SystemMap['scale'] {
  const kept: SystemMap['scale'] = {}
  for (const role of scaledRoles) {
    const { least, most } = rangeOf(topology, role)
    if (least !== most && scale?.[role] !== undefined) kept[role] = wantedOf({ scale }, topology, role)
  }
  return Object.keys(kept).length === 0 ? undefined : kept
}

/** Only processes of the role come or go; web processes only where a balancer tells requests to them. Empty when all is as wanted. */
export function planScale(map: SystemMap, role: ScaledRole, number: number): Step[] {
  const wanted = wantedOf({ scale: { [role]: number } }, map.topology, role)
  const present = nodesOf(map, role)
  // One that drains is on its way out, whoever sent it there: it is stopped again, and does not count.
  const staying = present.filter(({ state }) => state !== 'draining').toSorted(firstToStay)
  const going = [...present.filter(({ state }) => state === 'draining'), ...staying.slice(wanted).reverse()]
  const placement = new Placement(map)
  const steps: Step[] = []
  if (wanted !== wantedOf(map, map.topology, role))
    steps.push({ kind: 'set-scale', ...(role === 'web' ? { web: wanted } : { worker: wanted }) })
  for (let n = staying.length; n < wanted; n++)
    steps.push({ kind: 'start-node', node: placement.place(role, homeRegion(map.topology), 'own') })
  for (const node of going) steps.push({ kind: 'stop-node', node: node.id })
  return steps
}

/** Those that serve, and of them those with the lowest number: the hosts that are given up are always the last ones. */
function firstToStay(a: MapNode, b: MapNode): number {
  const rank = ({ state }: MapNode) => (state === 'ready' ? 0 : 1)
  return rank(a) - rank(b) || a.id.localeCompare(b.id, 'en', { numeric: true })
}
