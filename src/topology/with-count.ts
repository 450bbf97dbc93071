// A topology with more or fewer processes of a role, as `tenfold scale` asks for it.

import { mergeTopology } from './rungs.ts'
import type { Topology } from './schema.ts'
import { resolveTopology } from './topology.ts'

/** More web processes than the load may ask for raise that bound: whoever asks for them knows of no other way. @throws bad-topology */
export function withCount(topology: Topology, role: 'front' | 'web' | 'worker', count: number): Topology {
  const { max } = topology.web
  const change = role === 'web' && max !== undefined ? { count, max: Math.max(max, count) } : { count }
  return resolveTopology(mergeTopology(topology, { [role]: change }), `scale ${role} ${count}`)
}
