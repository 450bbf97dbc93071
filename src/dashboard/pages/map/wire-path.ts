// The line of a wire between two boxes, and where its label stands.

import type { Box } from './box.ts'

export interface WirePath {
  d: string
  labelX: number
  labelY: number
}

/**
 * How far along the way a label stands: behind the middle, so that the labels of wires that fan out do not lie on each
 * other; farther on a narrow page, where the tier's heading stands beside the wires.
 */
const labelAt = { horizontal: 0.6, vertical: 0.78 }

export function requestPath(from: Box, to: Box, isHorizontal: boolean): WirePath {
  const [x1, y1] = isHorizontal
    ? [from.x + from.width, from.y + from.height / 2]
    : [from.x + from.width / 2, from.y + from.height]
  const [x2, y2] = isHorizontal ? [to.x, to.y + to.height / 2] : [to.x + to.width / 2, to.y]
  const bend = (isHorizontal ? Math.abs(x2 - x1) : Math.abs(y2 - y1)) / 2
  const [cx1, cy1] = isHorizontal ? [x1 + bend, y1] : [x1, y1 + bend]
  const [cx2, cy2] = isHorizontal ? [x2 - bend, y2] : [x2, y2 - bend]
  return {
    d: `M ${r(x1)} ${r(y1)} C ${r(cx1)} ${r(cy1)} ${r(cx2)} ${r(cy2)} ${r(x2)} ${r(y2)}`,
    labelX: bezier(isHorizontal ? labelAt.horizontal : labelAt.vertical, x1, cx1, cx2, x2),
    labelY: bezier(isHorizontal ? labelAt.horizontal : labelAt.vertical, y1, cy1, cy2, y2),
  }
}

/** From one card to another of the same tier: out at the far side and back in. */
export function replicationPath(from: Box, to: Box, isHorizontal: boolean): WirePath {
  const reach = 30
  if (isHorizontal) {
    const [x1, y1] = [from.x + from.width, from.y + from.height * 0.7]
    const [x2, y2] = [to.x + to.width, to.y + to.height * 0.5]
    const out = Math.max(x1, x2) + reach
    return {
      d: `M ${r(x1)} ${r(y1)} C ${r(out)} ${r(y1)} ${r(out)} ${r(y2)} ${r(x2)} ${r(y2)}`,
      labelX: out,
      labelY: (y1 + y2) / 2,
    }
  }
  const [x1, y1] = [from.x + from.width * 0.7, from.y + from.height]
  const [x2, y2] = [to.x + to.width * 0.5, to.y + to.height]
  const out = Math.max(y1, y2) + reach
  return {
    d: `M ${r(x1)} ${r(y1)} C ${r(x1)} ${r(out)} ${r(x2)} ${r(out)} ${r(x2)} ${r(y2)}`,
    labelX: (x1 + x2) / 2,
    labelY: out,
  }
}

function bezier(t: number, a: number, b: number, c: number, d: number): number {
  const s = 1 - t
  return s ** 3 * a + 3 * s ** 2 * t * b + 3 * s * t ** 2 * c + t ** 3 * d
}

function r(value: number): number {
  return Math.round(value * 10) / 10
}
