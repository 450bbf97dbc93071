// From values to places in a picture.

import type { ActReport } from './report.ts'

export type Scale = (value: number) => number

type Range = readonly [from: number, to: number]

export function linearScale([low, high]: Range, [from, to]: Range): Scale {
  const span = high - low || 1
  return (value) => from + ((value - low) / span) * (to - from)
}

/** Values below the lowest stand on the lowest: a logarithm has no zero. */
export function logScale([low, high]: Range, places: Range): Scale {
  const linear = linearScale([Math.log10(low), Math.log10(high)], places)
  return (value) => linear(Math.log10(Math.min(high, Math.max(low, value))))
}

/** 1, 10, 100 ... up to the power of ten that holds `max`. */
export function decadesUpTo(max: number): number[] {
  return Array.from({ length: Math.ceil(Math.log10(Math.max(1, max))) + 1 }, (_, power) => 10 ** power)
}

/** The smallest step that cuts `span` into at most `parts`: one of `steps`, by default 1, 2 or 5 times a power of ten. */
export function tickEvery(span: number, parts: number, steps: readonly number[] = roundSteps): number {
  return steps.find((step) => span / step <= parts) ?? steps.at(-1) ?? 1
}

const roundSteps = Array.from({ length: 27 }, (_, index) => ([1, 2, 5][index % 3] ?? 1) * 10 ** Math.floor(index / 3))

/** An SVG path through all points; with `floor` it is closed along it. */
export function pathOf<T>(items: readonly T[], x: (item: T) => number, y: (item: T) => number, floor?: number): string {
  const [first, last] = [items[0], items.at(-1)]
  if (first === undefined || last === undefined) return ''
  const points = items.map((item) => `${x(item).toFixed(1)},${y(item).toFixed(1)}`).join(' L')
  if (floor === undefined) return `M${points}`
  return `M${x(first).toFixed(1)},${floor.toFixed(1)} L${points} L${x(last).toFixed(1)},${floor.toFixed(1)} Z`
}

export interface Band {
  rung: number
  startMs: number
  endMs: number
  /** Between two rungs. */
  isMove: boolean
  label: string
}

/** Acts one after the other on one rung are one band. */
export function bandsOf(acts: readonly ActReport[]): Band[] {
  const bands: Band[] = []
  for (const { kind, rung, startMs, endMs, title } of acts) {
    const isMove = kind === 'climb'
    const last = bands.at(-1)
    if (last && !last.isMove && !isMove && last.rung === rung) last.endMs = endMs
    else bands.push({ rung, startMs, endMs, isMove, label: isMove ? title : `rung ${rung}` })
  }
  return bands
}
