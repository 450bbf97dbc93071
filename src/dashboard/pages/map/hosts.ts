// Places one region's hosts on the cross axis. A host whose nodes are of several tiers spans their columns; a column
// that has room to spare is centred, together with the columns that a spanning host ties it to.

import type { StatusNode } from '../../../control/api.ts'
import type { Shape } from './shape.ts'

export interface PlacedHost {
  id: string
  firstTier: number
  lastTier: number
  at: number
  extent: number
}

export interface PlacedRegion {
  nodes: Array<{ node: StatusNode; at: number }>
  hosts: PlacedHost[]
  extent: number
}

export function placeHosts(
  nodes: readonly StatusNode[],
  columns: ReadonlyMap<string, number>,
  shape: Shape,
): PlacedRegion {
  const filled: number[] = Array(columns.size).fill(0)
  const tied = filled.map((_, index) => index) // the first column of the group that each column belongs to
  const placed: PlacedRegion = { nodes: [], hosts: [], extent: 0 }

  for (const host of hostsOf(nodes, columns)) {
    const { firstTier, lastTier } = host
    const isFramed = !shape.isCompact || host.nodes.length > 1
    const padStart = isFramed ? shape.hostPad.crossStart : 0
    const padEnd = isFramed ? shape.hostPad.crossEnd : 0
    const at = Math.max(...filled.slice(firstTier, lastTier + 1))
    const rows = new Map<string, number>()
    for (const node of host.nodes) {
      const row = rows.get(node.role) ?? 0
      rows.set(node.role, row + 1)
      placed.nodes.push({ node, at: at + padStart + row * (shape.cardCross + shape.cardGap) })
    }
    const rowCount = Math.max(...rows.values())
    const extent = padStart + rowCount * shape.cardCross + (rowCount - 1) * shape.cardGap + padEnd
    if (isFramed) placed.hosts.push({ id: host.id, firstTier, lastTier, at, extent })
    filled.fill(at + extent + shape.hostGap, firstTier, lastTier + 1)
    const group = Math.min(...tied.slice(firstTier, lastTier + 1))
    tied.fill(group, firstTier, lastTier + 1)
  }

  placed.extent = Math.max(0, ...filled) - shape.hostGap
  const shiftOf = (column: number) => {
    const group = tied[column]
    const height = Math.max(...filled.filter((_, index) => tied[index] === group)) - shape.hostGap
    return (placed.extent - height) / 2
  }
  for (const host of placed.hosts) host.at += shiftOf(host.firstTier)
  for (const entry of placed.nodes) entry.at += shiftOf(columns.get(entry.node.role) ?? 0)
  return placed
}

function hostsOf(nodes: readonly StatusNode[], columns: ReadonlyMap<string, number>) {
  const byId = Map.groupBy(nodes, (node) => node.host)
  const hosts = [...byId].map(([id, own]) => {
    const tiers = own.map((node) => columns.get(node.role) ?? 0)
    return { id, nodes: own.toSorted(byName), firstTier: Math.min(...tiers), lastTier: Math.max(...tiers) }
  })
  return hosts.sort((a, b) => a.firstTier - b.firstTier || byName(a, b))
}

/** web-2 before web-10. */
function byName(a: { id: string }, b: { id: string }): number {
  return a.id.localeCompare(b.id, 'en', { numeric: true })
}
