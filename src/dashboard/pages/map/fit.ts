// Makes a wide map smaller until it fits the page, as far as it can still be read; the rest is scrolled.

import type { StatusNode } from '../../../control/api.ts'
import type { Space } from './box.ts'
import { layoutMap, type MapLayout } from './layout.ts'

const zoomLeast = 0.78

export function fitMap(nodes: readonly StatusNode[], space: Space): { layout: MapLayout; zoom: number } {
  const layout = layoutMap(nodes, space)
  if (!layout.isHorizontal || layout.width <= space.width) return { layout, zoom: 1 }
  const zoom = Math.max(zoomLeast, Math.floor((space.width / layout.width) * 100) / 100)
  return { layout: layoutMap(nodes, { width: space.width / zoom, height: space.height / zoom }), zoom }
}
