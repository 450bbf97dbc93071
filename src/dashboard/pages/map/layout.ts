// Where everything on the map stands; pure, so that it can be tested without a browser.
//
// A request walks along the main axis (to the right on a wide page, down on a narrow one), one tier after the other;
// what is alike stands side by side on the cross axis. A host's frame is around its nodes, a region's around its hosts.

import type { StatusNode } from '../../../control/api.ts'
import type { Box, Space } from './box.ts'
import { placeHosts } from './hosts.ts'
import { pagePlan, type Shape, shapeFor } from './shape.ts'
import { type Tier, tiersOf } from './tiers.ts'

export interface MapLayout {
  width: number
  height: number
  isHorizontal: boolean
  isCompact: boolean
  clients: Box
  address: Box
  nodes: Map<string, Box>
  hosts: Array<Box & { id: string }>
  regions: Array<Box & { id: string }>
  tiers: Array<Box & Tier>
}

/** Full cards where they fit, else compact ones; what does not fit even so is scrolled. */
export function layoutMap(nodes: readonly StatusNode[], space: Space): MapLayout {
  const tiers = tiersOf(nodes)
  const full = layoutWith(shapeFor(space, tiers.length, 'full'), nodes, tiers, space)
  if (!full.isHorizontal || full.height <= space.height) return full
  return layoutWith(shapeFor(space, tiers.length, 'compact'), nodes, tiers, space)
}

function layoutWith(shape: Shape, nodes: readonly StatusNode[], tiers: Tier[], space: Space): MapLayout {
  const plan = pagePlan(shape, tiers.length, space)
  const column = new Map(tiers.map((tier, index) => [tier.role, index]))
  const boxes = new Map<string, Box>()
  const hosts: MapLayout['hosts'] = []
  const regions: MapLayout['regions'] = []
  let cross = shape.crossStart

  for (const region of new Set(nodes.map((node) => node.region))) {
    const own = nodes.filter((node) => node.region === region)
    const placed = placeHosts(own, column, shape)
    const start = cross + shape.regionPad.crossStart
    for (const { node, at } of placed.nodes)
      boxes.set(
        node.id,
        plan.box(plan.tierStart(column.get(node.role) ?? 0), start + at, shape.cardMain, shape.cardCross),
      )
    for (const host of placed.hosts) {
      const from = plan.tierStart(host.firstTier) - shape.hostPad.mainStart
      const to = plan.tierStart(host.lastTier) + shape.cardMain + shape.hostPad.mainEnd
      hosts.push({ id: host.id, ...plan.box(from, start + host.at, to - from, host.extent) })
    }
    const end = start + placed.extent + shape.regionPad.crossEnd
    regions.push({ id: region, ...plan.box(plan.regionStart, cross, plan.regionEnd - plan.regionStart, end - cross) })
    cross = end + shape.crossGap
  }

  const crossEnd = cross - shape.crossGap
  const middle = middleOf(nodes, boxes, shape) ?? (shape.crossStart + crossEnd) / 2
  const layout: MapLayout = {
    ...plan.extent(crossEnd + shape.pad),
    isHorizontal: shape.isHorizontal,
    isCompact: shape.isCompact,
    clients: plan.box(plan.clientsStart, middle - shape.clientsCross / 2, shape.clientsMain, shape.clientsCross),
    address: plan.box(plan.addressStart, middle - shape.addressCross / 2, shape.addressMain, shape.addressCross),
    nodes: boxes,
    hosts,
    regions,
    tiers: tiers.map((tier, index) => ({ ...tier, ...plan.header(plan.tierStart(index)) })),
  }
  return centred(layout, space)
}

/** On the cross axis, the middle of the nodes that answer the public address: the first wires are straight. */
function middleOf(nodes: readonly StatusNode[], boxes: ReadonlyMap<string, Box>, shape: Shape): number | undefined {
  const entries = nodes.filter((node) => node.entry).flatMap((node) => boxes.get(node.id) ?? [])
  if (entries.length === 0) return undefined
  const middles = entries.map((box) => (shape.isHorizontal ? box.y + box.height / 2 : box.x + box.width / 2))
  return middles.reduce((a, b) => a + b, 0) / middles.length
}

/** Free space on the cross axis goes to both sides of the content; the tiers' headings of a wide page stay on top. */
function centred(layout: MapLayout, space: Space): MapLayout {
  const freeX = layout.isHorizontal ? 0 : Math.max(0, space.width - layout.width) / 2
  const freeY = layout.isHorizontal ? Math.max(0, space.height - layout.height) / 2 : 0
  const shift = <T extends Box>(box: T): T => ({ ...box, x: box.x + freeX, y: box.y + freeY })
  return {
    ...layout,
    width: Math.max(layout.width, space.width),
    height: layout.isHorizontal ? Math.max(layout.height, space.height) : layout.height,
    clients: shift(layout.clients),
    address: shift(layout.address),
    nodes: new Map([...layout.nodes].map(([id, box]) => [id, shift(box)])),
    hosts: layout.hosts.map(shift),
    regions: layout.regions.map(shift),
    tiers: layout.tiers.map(shift),
  }
}
