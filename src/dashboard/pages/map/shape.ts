// The measures of the map in pixels: one set for a wide page, one for a narrow one, and the few that give way.

import type { Box, Space } from './box.ts'

interface Pad {
  mainStart: number
  mainEnd: number
  crossStart: number
  crossEnd: number
}

export interface Shape {
  isHorizontal: boolean
  isCompact: boolean
  pad: number
  /** Where the regions begin on the cross axis: below the headings on a wide page. */
  crossStart: number
  crossGap: number
  clientsMain: number
  clientsCross: number
  addressMain: number
  addressCross: number
  cardMain: number
  cardCross: number
  cardGap: number
  hostGap: number
  /** Between two tiers; the wires run here. */
  tierGap: number
  hostPad: Pad
  regionPad: Pad
}

const narrowBelow = 640

export function shapeFor(space: Space, tiers: number, density: 'full' | 'compact'): Shape {
  return space.width < narrowBelow ? narrow(space) : wide(space, tiers, density)
}

function wide(space: Space, tiers: number, density: 'full' | 'compact'): Shape {
  const shape: Shape = {
    isHorizontal: true,
    isCompact: density === 'compact',
    pad: 20,
    crossStart: 52,
    crossGap: 18,
    clientsMain: 84,
    clientsCross: 84,
    addressMain: 136,
    addressCross: 84,
    cardMain: 172,
    cardCross: density === 'compact' ? 46 : 106,
    cardGap: 8,
    hostGap: density === 'compact' ? 8 : 14,
    tierGap: 56,
    hostPad: { mainStart: 9, mainEnd: 9, crossStart: 25, crossEnd: 9 },
    regionPad: { mainStart: 14, mainEnd: 14, crossStart: 32, crossEnd: 14 },
  }
  // What is left over widens cards and gaps in turn, to a limit each.
  const spare = () => space.width - pagePlan(shape, tiers, space).mainEnd
  const widen = (key: 'cardMain' | 'tierGap', most: number, among: number) => {
    shape[key] = clamp(shape[key] + Math.max(0, spare()) / among, shape[key], most)
  }
  widen('cardMain', 190, tiers)
  widen('tierGap', 92, tiers + 1)
  widen('cardMain', 232, tiers)
  widen('tierGap', 130, tiers + 1)
  return shape
}

function narrow(space: Space): Shape {
  const pad = 12
  const cross = 2 * (pad + 8 + 8) + 10
  return {
    isHorizontal: false,
    isCompact: false,
    pad,
    crossStart: pad,
    crossGap: 14,
    clientsMain: 82,
    clientsCross: 150,
    addressMain: 70,
    addressCross: 190,
    cardMain: 106,
    cardCross: clamp((space.width - cross - 16) / 2, 140, 240),
    cardGap: 8,
    hostGap: 10,
    tierGap: 52,
    hostPad: { mainStart: 25, mainEnd: 8, crossStart: 8, crossEnd: 8 },
    regionPad: { mainStart: 58, mainEnd: 12, crossStart: 8, crossEnd: 8 },
  }
}

/** Where things begin on the main axis, and the way from (main, cross) to (x, y). */
export function pagePlan(shape: Shape, tiers: number, space: Space) {
  const { isHorizontal, pad, hostPad, regionPad, tierGap, cardMain } = shape
  const tierPitch = hostPad.mainStart + cardMain + hostPad.mainEnd + tierGap
  const clientsAt = pad
  const addressAt = clientsAt + shape.clientsMain + tierGap * (isHorizontal ? 0.8 : 0.6)
  const regionAt = addressAt + shape.addressMain + tierGap * (isHorizontal ? 1 : 0.8)
  const tierAt = regionAt + regionPad.mainStart + hostPad.mainStart
  const regionEnd = tierAt + (tiers - 1) * tierPitch + cardMain + hostPad.mainEnd + regionPad.mainEnd
  const mainEnd = regionEnd + pad
  const free = isHorizontal ? Math.max(0, space.width - mainEnd) / 2 : 0

  return {
    mainEnd,
    clientsStart: clientsAt + free,
    addressStart: addressAt + free,
    regionStart: regionAt + free,
    regionEnd: regionEnd + free,
    tierStart: (index: number) => tierAt + free + index * tierPitch,
    box: (main: number, cross: number, mainSize: number, crossSize: number): Box =>
      isHorizontal
        ? { x: main, y: cross, width: mainSize, height: crossSize }
        : { x: cross, y: main, width: crossSize, height: mainSize },
    header: (tierStart: number): Box =>
      isHorizontal
        ? { x: tierStart - hostPad.mainStart, y: 14, width: cardMain + 18, height: 28 }
        : { x: pad + 18, y: tierStart - hostPad.mainStart - 32, width: 200, height: 28 },
    extent: (crossEnd: number) =>
      isHorizontal ? { width: mainEnd, height: crossEnd } : { width: crossEnd, height: mainEnd },
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
