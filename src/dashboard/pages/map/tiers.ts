// The columns of the map, in the order that a request meets them.

import type { Status, StatusNode } from '../../../control/api.ts'

export interface Tier {
  role: string
  title: string
}

const tiers: readonly Tier[] = [
  { role: 'dns', title: 'DNS' },
  { role: 'front', title: 'Balancer' },
  { role: 'web', title: 'Web servers' },
  { role: 'redis', title: 'Cache' },
  { role: 'postgres', title: 'Database' },
  { role: 'nats', title: 'Queue' },
  { role: 'worker', title: 'Workers' },
]

/** The tiers that have a node; a role that this page has not heard of comes last. */
export function tiersOf(nodes: readonly StatusNode[]): Tier[] {
  const present = new Set<string>(nodes.map((node) => node.role))
  const known = tiers.filter((tier) => present.delete(tier.role))
  return [...known, ...[...present].map((role) => ({ role, title: role }))]
}

/** `us-east/web-1` -> `web-1`. */
export function shortName(id: string): string {
  return id.slice(id.indexOf('/') + 1)
}

/** How many the topology asks for, where a person may change it. */
export function wantedCount(status: Status, role: string): number | undefined {
  if (role === 'web') return status.topology.web.count
  if (role === 'front') return status.topology.front.count
  if (role === 'worker' && status.topology.worker.count > 0) return status.topology.worker.count
  return undefined
}
