// What a process tells of its cache: of its own memory, and of what it then found in the shared cache.

import type { MemoryInsight } from '../../tiers/cache/engines/memory/insight.ts'
import type { WriteDepth } from '../../tiers/cache/write-back/contract.ts'

export interface CacheReport {
  /** Its own memory. */
  near: MemoryInsight
  /** What was not there and was asked of the shared cache, by name; null where there is none. */
  far: FarCounts[] | null
  /** What waits to be stored, the same in every process; null when the database does not say in time. */
  writeBack: WriteDepth[] | null
}

export interface FarCounts {
  name: string
  hits: number
  misses: number
}
