// What a process tells of its cache: of its own memory, and of what it then found in the shared cache.

import type { MemoryInsight } from '../../tiers/cache/engines/memory/insight.ts'

export interface CacheReport {
  /** Its own memory. */
  near: MemoryInsight
  /** What was not there and was asked of the shared cache, by name; null where there is none. */
  far: FarCounts[] | null
}

export interface FarCounts {
  name: string
  hits: number
  misses: number
}
