// The cache as a whole: what every process tells of its own, what the shared nodes tell, and what that comes to by name.

import { type MapNode, nodesOf } from '../map/map.ts'
import type { CacheReport } from '../processes/cache/report.ts'
import { DoorClient } from '../processes/door/client.ts'
import { gainOf } from '../tiers/cache/engines/memory/insight.ts'
import type { WriteDepth } from '../tiers/cache/write-back/contract.ts'
import type { System } from './system.ts'

export interface CacheNodeReport {
  bytes: number
  bytesMax: number
  values: number
  /** Of reads, since it was started. */
  hits: number
  misses: number
  evictions: number
  /** Of any kind. */
  commands: number
}

export interface CacheName {
  /** The part of keys before their first colon. */
  name: string
  asked: number
  /** 0 to 1: of all that was asked for; in the process's own memory; of the rest in the shared cache. */
  hitRatio: number
  nearHitRatio: number
  farHitRatio: number
  /** In the memory of all processes together. */
  values: number
  bytes: number
  evictions: number
}

export interface CacheSummary {
  hitRatio: number
  names: CacheName[]
  memory: {
    /** Of one process. */
    bytesMax: number
    /** Of the process that asks for most: what a memory that never evicts would hold. */
    workingSetBytes: number
    /** What would be added to the hit ratio of a process's memory by this much more, or less. */
    gains: Array<{ moreBytes: number; hitRatio: number }>
  } | null
  /** The keys that are asked for most, in all processes together. */
  hotKeys: HotKey[]
  /** What was acknowledged by write-back and is not stored yet; null when no process could count it. */
  writeBack: WriteDepth[] | null
  processes: Record<string, CacheReport>
  nodes: Record<string, CacheNodeReport>
}

export interface HotKey {
  key: string
  /** Of all that is asked for lately, 0 to 1; it may be a little less. */
  share: number
}

const askTimeoutMs = 1000
const hotKeysMax = 20

export class CacheControl {
  readonly #system: Pick<System, 'home' | 'keeper' | 'redis'>

  constructor(system: Pick<System, 'home' | 'keeper' | 'redis'>) {
    this.#system = system
  }

  /** Of the processes and nodes that answer. */
  async report(): Promise<CacheSummary> {
    const { map } = this.#system.keeper
    const processes: Record<string, CacheReport> = {}
    const nodes: Record<string, CacheNodeReport> = {}
    await Promise.all([
      ...[...nodesOf(map, 'web'), ...nodesOf(map, 'worker')].map(async ({ id, pid }) => {
        if (pid === null) return
        const report = await new DoorClient(this.#system.home, id).cacheReport().catch(() => null)
        if (report) processes[id] = report
      }),
      ...nodesOf(map, 'redis').map(async (node) => {
        const report = await this.nodeReport(node)
        if (report) nodes[node.id] = report
      }),
    ])
    return { ...summaryOf(Object.values(processes)), processes, nodes }
  }

  /** Undefined when the node does not answer. */
  async nodeReport(node: MapNode): Promise<CacheNodeReport | undefined> {
    if (node.pid === null) return undefined
    try {
      using admin = await this.#system.redis.admin(node, askTimeoutMs)
      const [memory, stats] = [await admin.info('memory'), await admin.info('stats')]
      const number = (from: ReadonlyMap<string, string>, name: string) => Number(from.get(name) ?? 0)
      return {
        bytes: number(memory, 'used_memory'),
        bytesMax: number(memory, 'maxmemory'),
        values: Number(await admin.command('DBSIZE')),
        hits: number(stats, 'keyspace_hits'),
        misses: number(stats, 'keyspace_misses'),
        evictions: number(stats, 'evicted_keys'),
        commands: number(stats, 'total_commands_processed'),
      }
    } catch {
      return undefined
    }
  }
}

export function summaryOf(reports: readonly CacheReport[]): Omit<CacheSummary, 'processes' | 'nodes'> {
  const sums = new Map<string, { near: number; nearMisses: number; far: number; farMisses: number } & CacheName>()
  const sumOf = (name: string) => {
    const empty = { asked: 0, hitRatio: 0, nearHitRatio: 0, farHitRatio: 0, values: 0, bytes: 0, evictions: 0 }
    const sum = sums.get(name) ?? { name, near: 0, nearMisses: 0, far: 0, farMisses: 0, ...empty }
    sums.set(name, sum)
    return sum
  }
  for (const { near, far } of reports) {
    for (const { name, hits, misses, count, bytes, evictions } of near.names) {
      const sum = sumOf(name)
      sum.near += hits
      sum.nearMisses += misses
      sum.values += count
      sum.bytes += bytes
      sum.evictions += evictions
      // Without a shared cache a miss here is one altogether.
      if (!far) sum.farMisses += misses
    }
    for (const { name, hits, misses } of far ?? []) {
      const sum = sumOf(name)
      sum.far += hits
      sum.farMisses += misses
    }
  }
  const all = [...sums.values()]
  const names = all.map(({ near, nearMisses, far, farMisses, ...name }): CacheName => {
    const asked = near + far + farMisses
    return {
      ...name,
      asked,
      hitRatio: ratio(near + far, asked),
      nearHitRatio: ratio(near, near + nearMisses),
      farHitRatio: ratio(far, far + farMisses),
    }
  })
  names.sort((a, b) => b.asked - a.asked)
  const asked = names.reduce((sum, name) => sum + name.asked, 0)
  const hits = all.reduce((sum, { near, far }) => sum + near + far, 0)
  return {
    hitRatio: ratio(hits, asked),
    names,
    memory: memoryOf(reports),
    hotKeys: hotKeysOf(reports),
    writeBack: writeBackOf(reports),
  }
}

/** Of every process in the measure in which it is asked. */
function hotKeysOf(reports: readonly CacheReport[]): HotKey[] {
  const weights = weightsOf(reports)
  const shares = new Map<string, number>()
  reports.forEach(({ near }, i) => {
    for (const { key, share } of near.hotKeys) shares.set(key, (shares.get(key) ?? 0) + share * (weights[i] as number))
  })
  const all = [...shares].map(([key, share]) => ({ key, share }))
  return all.toSorted((a, b) => b.share - a.share).slice(0, hotKeysMax)
}

/** Every process counts the same, of the names that it has. */
function writeBackOf(reports: readonly CacheReport[]): WriteDepth[] | null {
  const counted = reports.flatMap(({ writeBack }) => (writeBack ? [writeBack] : []))
  if (counted.length === 0) return null
  return [...new Map(counted.flat().map((depth) => [depth.name, depth])).values()]
}

/** The share that each process has of all that is asked for. */
function weightsOf(reports: readonly CacheReport[]): number[] {
  const asked = reports.map(({ near }) => near.names.reduce((sum, { hits, misses }) => sum + hits + misses, 0))
  const whole = asked.reduce((sum, each) => sum + each, 0)
  return asked.map((each) => ratio(each, whole))
}

/** Twice the room and half of it, by the processes' own curves, each weighing as much as it is asked for. */
function memoryOf(reports: readonly CacheReport[]): CacheSummary['memory'] {
  const [first] = reports
  if (!first) return null
  const { bytesMax } = first.near
  const weights = weightsOf(reports)
  const gains = (bytesMax === 0 ? [] : [bytesMax, -bytesMax / 2]).map((moreBytes) => {
    const gain = reports.reduce((sum, { near }, i) => sum + (gainOf(near, moreBytes) ?? 0) * (weights[i] as number), 0)
    return { moreBytes, hitRatio: gain }
  })
  return { bytesMax, workingSetBytes: Math.max(...reports.map(({ near }) => near.workingSetBytes)), gains }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
