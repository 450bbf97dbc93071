// The cache in the control API, and its figures for Prometheus.

import type { FastifyInstance } from 'fastify'
import type { CacheSummary } from '../supervisor/cache.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

export function addCacheRoutes(http: FastifyInstance, { cache }: Supervisor): void {
  http.get('/api/cache', () => cache.report())
}

type CacheFigures = Pick<CacheSummary, 'processes' | 'nodes' | 'writeBack'>

/** The Prometheus text format, version 0.0.4. `near`: in the memory of the process, `far`: in the shared cache. */
export function renderCache({ processes, nodes, writeBack }: CacheFigures): string {
  const families = new Map<string, string[]>()
  const add = (family: string, type: 'counter' | 'gauge', labels: Record<string, string>, value: number) => {
    const lines = families.get(family) ?? [`# TYPE ${family} ${type}`]
    const text = Object.entries(labels).map(([name, label]) => `${name}="${escaped(label)}"`)
    lines.push(`${family}{${text.join(',')}} ${value}`)
    families.set(family, lines)
  }
  for (const [node, { near, far }] of Object.entries(processes)) {
    for (const { name, hits, misses, bytes, evictions } of near.names) {
      add('tenfold_cache_hits_total', 'counter', { node, name, level: 'near' }, hits)
      add('tenfold_cache_misses_total', 'counter', { node, name, level: 'near' }, misses)
      add('tenfold_cache_evictions_total', 'counter', { node, name }, evictions)
      add('tenfold_cache_bytes', 'gauge', { node, name }, bytes)
    }
    for (const { name, hits, misses } of far ?? []) {
      add('tenfold_cache_hits_total', 'counter', { node, name, level: 'far' }, hits)
      add('tenfold_cache_misses_total', 'counter', { node, name, level: 'far' }, misses)
    }
    add('tenfold_cache_working_set_bytes', 'gauge', { node }, near.workingSetBytes)
  }
  for (const [node, { bytes, bytesMax, values, hits, misses, evictions }] of Object.entries(nodes)) {
    add('tenfold_cache_node_bytes', 'gauge', { node }, bytes)
    add('tenfold_cache_node_bytes_max', 'gauge', { node }, bytesMax)
    add('tenfold_cache_node_values', 'gauge', { node }, values)
    add('tenfold_cache_node_hits_total', 'counter', { node }, hits)
    add('tenfold_cache_node_misses_total', 'counter', { node }, misses)
    add('tenfold_cache_node_evictions_total', 'counter', { node }, evictions)
  }
  for (const { name, waiting, failing, oldestMs } of writeBack ?? []) {
    add('tenfold_write_back_waiting', 'gauge', { name }, waiting)
    add('tenfold_write_back_failing', 'gauge', { name }, failing)
    add('tenfold_write_back_oldest_seconds', 'gauge', { name }, oldestMs / 1000)
  }
  return [...families.values()]
    .flat()
    .map((line) => `${line}\n`)
    .join('')
}

/** Names come from apps. */
function escaped(label: string): string {
  return label.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')
}
