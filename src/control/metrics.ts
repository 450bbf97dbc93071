// What each node uses and does, sampled while somebody looks: CPU and memory from the operating system, requests from
// its door.

import { systemClock } from '../base/clock.ts'
import type { Home } from '../map/home.ts'
import { hasDoor, type MapNode, type SystemMap } from '../map/map.ts'
import { wantedOf } from '../plan/plan-scale.ts'
import { DoorClient } from '../processes/door/client.ts'
import type { ProcessUse } from '../processes/process-use.ts'
import { readProcessUsage } from '../programs/process-usage.ts'
import { busyBetween } from '../supervisor/scaling/busyness.ts'
import type { CacheNodeReport, NodeMetrics, StatusNode } from './api.ts'

const sampleAgeMsMax = 500

interface Sample {
  atMs: number
  pid: number
  cpuMs: number
  requests: number
  errors: number
  edge: { asked: number; spared: number }
  use: ProcessUse | undefined
}

export class MetricsSampler {
  readonly #home: Home
  readonly #map: () => SystemMap
  readonly #readRedis: (node: MapNode) => Promise<CacheNodeReport | undefined>
  #samples = new Map<string, Sample>()
  #last: { atMs: number; nodes: Promise<Record<string, NodeMetrics>> } | undefined

  constructor(home: Home, map: () => SystemMap, readRedis: (node: MapNode) => Promise<CacheNodeReport | undefined>) {
    this.#readRedis = readRedis
    this.#home = home
    this.#map = map
  }

  /** Rates are over the time since the sample before; the first one has none. */
  sample(): Promise<Record<string, NodeMetrics>> {
    const atMs = systemClock.monotonic()
    if (!this.#last || atMs - this.#last.atMs >= sampleAgeMsMax) this.#last = { atMs, nodes: this.#sampleAll(atMs) }
    return this.#last.nodes
  }

  async #sampleAll(atMs: number): Promise<Record<string, NodeMetrics>> {
    const entries = await Promise.all(
      this.#map().nodes.map(async (node) => [node.id, await this.#sampleNode(node, atMs)] as const),
    )
    return Object.fromEntries(entries)
  }

  async #sampleNode(node: MapNode, atMs: number): Promise<NodeMetrics> {
    if (node.pid === null) return {}
    const usage = await readProcessUsage(node.pid)
    const state = hasDoor(node.role)
      ? await new DoorClient(this.#home, node.id).state().catch(() => undefined)
      : undefined
    const redis = node.role === 'redis' ? await this.#readRedis(node) : undefined
    const before = this.#samples.get(node.id)
    const now: Sample = {
      atMs,
      pid: node.pid,
      cpuMs: usage?.cpuMs ?? 0,
      requests: state?.requests ?? redis?.commands ?? 0,
      errors: state?.errors ?? 0,
      edge: state?.edge ?? { asked: redis ? redis.hits + redis.misses : 0, spared: redis?.hits ?? 0 },
      use: state?.use,
    }
    this.#samples.set(node.id, now)
    const metrics: NodeMetrics = {}
    if (usage) metrics.memoryBytes = usage.memoryBytes
    if (state) metrics.inFlight = state.inFlight
    if (state?.p99Ms !== undefined) metrics.p99Ms = state.p99Ms
    if (before?.pid === now.pid) {
      const seconds = (now.atMs - before.atMs) / 1000
      if (usage) metrics.cpuPercent = ((now.cpuMs - before.cpuMs) / 1000 / seconds) * 100
      if (before.use && now.use) metrics.utilisation = busyBetween(before.use, now.use)
      if (state?.requests !== undefined || redis) metrics.requestsPerSecond = (now.requests - before.requests) / seconds
      const asked = now.edge.asked - before.edge.asked
      if (asked > 0) metrics.hitRatio = (now.edge.spared - before.edge.spared) / asked
      if (state?.errors !== undefined) metrics.errorsPerSecond = (now.errors - before.errors) / seconds
    }
    return metrics
  }
}

/** The Prometheus text format, version 0.0.4. */
export function renderPrometheus(
  map: SystemMap,
  nodes: Record<string, NodeMetrics>,
  replicas: ReadonlyArray<Pick<StatusNode, 'id' | 'lagBytes' | 'lagMs'>>,
): string {
  const lines = ['# TYPE tenfold_rung gauge', `tenfold_rung ${map.rung}`, '# TYPE tenfold_node_up gauge']
  for (const { id, role, state } of map.nodes)
    lines.push(`tenfold_node_up{node="${id}",role="${role}"} ${state === 'ready' ? 1 : 0}`)
  lines.push('# TYPE tenfold_node_restarts_total counter')
  for (const { id, restarts } of map.nodes) lines.push(`tenfold_node_restarts_total{node="${id}"} ${restarts}`)
  lines.push('# TYPE tenfold_web_wanted gauge', `tenfold_web_wanted ${wantedOf(map, map.topology, 'web')}`)
  lines.push('# TYPE tenfold_worker_wanted gauge', `tenfold_worker_wanted ${wantedOf(map, map.topology, 'worker')}`)
  lines.push('# TYPE tenfold_replica_lag_bytes gauge')
  for (const { id, lagBytes } of replicas)
    if (lagBytes !== undefined) lines.push(`tenfold_replica_lag_bytes{node="${id}"} ${lagBytes}`)
  lines.push('# TYPE tenfold_replica_lag_seconds gauge')
  for (const { id, lagMs } of replicas)
    if (lagMs !== undefined) lines.push(`tenfold_replica_lag_seconds{node="${id}"} ${lagMs / 1000}`)
  const gauges: Array<[keyof NodeMetrics, string]> = [
    ['memoryBytes', 'tenfold_node_memory_bytes'],
    ['inFlight', 'tenfold_node_in_flight'],
    ['requestsPerSecond', 'tenfold_node_requests_per_second'],
    ['errorsPerSecond', 'tenfold_node_errors_per_second'],
    ['cpuPercent', 'tenfold_node_cpu_percent'],
    ['utilisation', 'tenfold_node_utilisation'],
    ['p99Ms', 'tenfold_node_p99_milliseconds'],
    ['hitRatio', 'tenfold_node_hit_ratio'],
  ]
  for (const [field, name] of gauges) {
    lines.push(`# TYPE ${name} gauge`)
    for (const [id, metrics] of Object.entries(nodes))
      if (metrics[field] !== undefined) lines.push(`${name}{node="${id}"} ${metrics[field]}`)
  }
  return `${lines.join('\n')}\n`
}
