// What an operator asks of a cache: does it hit, what is in it, what would more memory bring.

import type { HotKey, HotKeys } from './hot-keys.ts'
import type { NameCounts } from './name-counts.ts'
import type { CurvePoint, ReuseSketch } from './reuse.ts'

export interface NameInsight {
  name: string
  /** 0 to 1, since the start. */
  hitRatio: number
  hits: number
  misses: number
  sets: number
  evictions: number
  expirations: number
  count: number
  bytes: number
  /** How old values were, on average, when they had to leave for others. */
  evictedAgeMs: number
}

export interface MemoryInsight {
  bytes: number
  bytesMax: number
  hitRatio: number
  names: NameInsight[]
  /** Bytes of all that was asked for lately: what a cache that never evicts would hold. */
  workingSetBytes: number
  curve: CurvePoint[]
  /** The keys that are asked for most, found here or not. */
  hotKeys: HotKey[]
}

export interface Measured {
  bytes: number
  bytesMax: number
  counts: readonly NameCounts[]
  reuse: ReuseSketch
  hot: HotKeys
}

export function measureInsight({ bytes, bytesMax, counts, reuse, hot }: Measured): MemoryInsight {
  const hits = counts.reduce((sum, each) => sum + each.hits, 0)
  const misses = counts.reduce((sum, each) => sum + each.misses, 0)
  return {
    bytes,
    bytesMax,
    hitRatio: ratio(hits, hits + misses),
    names: counts.map(insightOf),
    workingSetBytes: Math.round(reuse.workingSetBytes),
    curve: reuse.curve(),
    hotKeys: hot.hottest(),
  }
}

/** How much would be added to the hit ratio by `moreBytes`; less than nothing for fewer. Undefined beyond the curve. */
export function gainOf({ bytesMax, curve }: MemoryInsight, moreBytes: number): number | undefined {
  const now = at(curve, bytesMax)
  const then = at(curve, bytesMax + moreBytes)
  return now === undefined || then === undefined ? undefined : then - now
}

/** Straight lines between the points, and from nothing to the first. */
function at(curve: readonly CurvePoint[], bytes: number): number | undefined {
  let before: CurvePoint = { bytes: 0, hitRatio: 0 }
  for (const point of curve) {
    if (point.bytes >= bytes) {
      const share = (bytes - before.bytes) / Math.max(1, point.bytes - before.bytes)
      return before.hitRatio + share * (point.hitRatio - before.hitRatio)
    }
    before = point
  }
  return undefined
}

function insightOf(counts: NameCounts): NameInsight {
  const { name, hits, misses, sets, evictions, expirations, count, bytes, evictedAgeMs } = counts
  const age = Math.round(ratio(evictedAgeMs, evictions))
  return {
    name,
    hitRatio: ratio(hits, hits + misses),
    hits,
    misses,
    sets,
    evictions,
    expirations,
    count,
    bytes,
    evictedAgeMs: age,
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
