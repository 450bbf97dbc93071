// What the system as a whole does, as its clients see it: counted where requests enter.

import type { NodeMetrics, StatusNode } from '../../../control/api.ts'

export interface Totals {
  requestsPerSecond: number | null
  errorsPerSecond: number | null
  p99Ms: number | null
  inFlight: number | null
}

export function totalsOf(nodes: readonly StatusNode[], metrics: Readonly<Record<string, NodeMetrics>>): Totals {
  const entries = nodes.filter((node) => node.entry)
  const figures = (name: keyof NodeMetrics) =>
    entries.map((node) => metrics[node.id]?.[name]).filter((value) => value !== undefined)
  const sum = (values: number[]) => (values.length === 0 ? null : values.reduce((a, b) => a + b, 0))
  const p99s = figures('p99Ms')
  return {
    requestsPerSecond: sum(figures('requestsPerSecond')),
    errorsPerSecond: sum(figures('errorsPerSecond')),
    p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
    inFlight: sum(figures('inFlight')),
  }
}
