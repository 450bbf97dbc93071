// The last five minutes of what the page has polled: a point a second, for the charts and the cards' small lines.

import type { NodeMetrics } from '../../../control/api.ts'

export interface Point {
  at: number
  nodes: Readonly<Record<string, NodeMetrics>>
}

export const historyPointsMax = 300

export function withPoint(history: readonly Point[], point: Point): readonly Point[] {
  return [...history.slice(1 - historyPointsMax), point]
}

/** One figure of one node over time; null where it was not reported. */
export function seriesOf(history: readonly Point[], node: string, figure: keyof NodeMetrics): Array<number | null> {
  return history.map((point) => point.nodes[node]?.[figure] ?? null)
}
