// The cache inside one process: lru-cache, bounded in bytes. A hit is a synchronous look-up, without a promise.

import { LRUCache } from 'lru-cache'
import type { CacheEngine } from '../../contract.ts'
import { sizeOf } from './size.ts'

export interface MemoryCacheOptions {
  /** Memory for all values together, as `sizeOf` counts it. 0 remembers nothing. */
  bytesMax: number
}

export function openMemoryCache({ bytesMax }: MemoryCacheOptions): CacheEngine {
  // Boxed, because null is a value of its own here and lru-cache holds only `{}`.
  const entries = new LRUCache<string, { value: unknown }>({ maxSize: Math.max(1, bytesMax) })
  return {
    get: (key) => entries.get(key)?.value,
    set(key, value, ttlMs) {
      const size = sizeOf(key) + sizeOf(value)
      // A value too large for the cache must not leave the one before it in place.
      if (size > bytesMax) entries.delete(key)
      else entries.set(key, { value }, { ttl: ttlMs, size })
    },
    delete(key) {
      entries.delete(key)
    },
    async close() {
      entries.clear()
    },
  }
}
