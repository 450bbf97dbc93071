// The cache inside one process: one look-up in a Map and one counter on a hit, no promise, no allocation.
//
// Bytes are bounded at every moment: `set` evicts before it returns. What has ended goes by the wheel, within a tick or
// two; who must not see it in between compares `freshUntil`, as cache.ts does.

import { systemRandom } from '../../../../base/random.ts'
import type { CacheEngine, Kept } from '../../contract.ts'
import { CoarseTicks } from './coarse-ticks.ts'
import { Entry } from './entry.ts'
import { type EvictionName, evictions } from './eviction/policies.ts'
import { HitTable } from './hit-table.ts'
import { HotKeys } from './hot-keys.ts'
import { type MemoryInsight, measureInsight } from './insight.ts'
import { hashKey } from './key-hash.ts'
import { CountsByName } from './name-counts.ts'
import { ReuseSketch } from './reuse.ts'
import { sizeOf, sizeOfString } from './size.ts'
import { TagIndex } from './tag-index.ts'
import { TimerWheel, tickMs } from './timer-wheel.ts'

/**
 * What an entry takes besides its key, value and tags: the entry, its place in the Map, its times, its hash among the ghosts
 * and in the samples. Measured, see size.test.ts.
 */
const entryBytes = 440

export interface MemoryCacheOptions {
  /** Memory for all values together, with what it takes to keep them. 0 remembers nothing. */
  bytesMax: number
  /** `adaptive` unless told otherwise; the others are for comparison and for those who know their load. */
  eviction?: EvictionName
}

export interface MemoryCacheEngine extends CacheEngine {
  get(key: string): Kept | undefined
  peek(key: string): unknown
  peekAwaited(key: string): Promise<unknown> | undefined
  getMany(keys: readonly string[]): Array<Kept | undefined>
  set(key: string, kept: Kept, keepMs: number): void
  delete(key: string): void
  deleteTag(tag: string): void
  deletePrefix(prefix: string): void
  insight(): MemoryInsight
}

export function openMemoryCache({ bytesMax, eviction: name = 'adaptive' }: MemoryCacheOptions): MemoryCacheEngine {
  const seed = systemRandom.int(2 ** 31)
  const table = new HitTable()
  /** Of the keys, in the table. */
  const indexes = new Map<string, number>()
  const entries: Array<Entry | undefined> = []
  const eviction = evictions[name](bytesMax)
  const wheel = new TimerWheel(performance.now())
  const ticks = new CoarseTicks()
  const counts = new CountsByName()
  const reuse = new ReuseSketch(bytesMax)
  const hot = new HotKeys(systemRandom)
  const tags = new TagIndex<Entry>()
  let timer: NodeJS.Timeout | undefined
  let wakesAtMs = Number.POSITIVE_INFINITY
  let isClosed = false

  function peek(key: string): unknown {
    const index = indexes.get(key)
    if (index === undefined || table.calmUntil(index) <= ticks.now()) return undefined
    tell(index, table.count(index))
    return table.values[index]
  }

  function peekAwaited(key: string): Promise<unknown> | undefined {
    const index = indexes.get(key)
    if (index === undefined || table.calmUntil(index) <= ticks.now()) return undefined
    tell(index, table.count(index))
    return table.promises[index] ?? table.promiseOf(index)
  }

  /** Of a hit, whoever wants to know. */
  function tell(index: number, hash: number): void {
    if (hash <= eviction.touchUpTo) touch(index)
    if (hash < reuse.below) reuse.record(hash, (entries[index] as Entry).bytes)
  }

  function touch(index: number): void {
    table.uncount(index)
    eviction.touch(entries[index] as Entry)
  }

  function get(key: string): Kept | undefined {
    const index = indexes.get(key)
    if (index === undefined) {
      counts.of(key).misses++
      hot.tell(key, 1)
      return undefined
    }
    tell(index, table.count(index))
    return (entries[index] as Entry).kept
  }

  function find(key: string): Entry | undefined {
    const index = indexes.get(key)
    return index === undefined ? undefined : entries[index]
  }

  /** Out of everything but the eviction's queues. */
  function forget(entry: Entry): void {
    indexes.delete(entry.key)
    hot.tell(entry.key, entry.settle())
    entries[entry.index] = undefined
    table.giveBack(entry.index)
    wheel.remove(entry)
    if (entry.kept.tags.length > 0) tags.remove(entry.kept.tags, entry)
    entry.counts.count--
    entry.counts.bytes -= entry.bytes
  }

  function drop(entry: Entry): void {
    eviction.remove(entry)
    forget(entry)
  }

  function makeRoom(nowMs: number): void {
    while (eviction.bytes > bytesMax) {
      const evicted = eviction.evict() as Entry | undefined
      if (!evicted) return
      forget(evicted)
      evicted.counts.evictions++
      evicted.counts.evictedAgeMs += nowMs - evicted.setAtMs
    }
  }

  function wakeAt(ms: number): void {
    if (ms >= wakesAtMs) return
    clearTimeout(timer)
    wakesAtMs = ms
    // A wake-up that has not come keeps no process alive.
    timer = setTimeout(expire, Math.max(1, Math.min(ms - performance.now(), 2 ** 31 - 1))).unref()
  }

  function expire(): void {
    wakesAtMs = Number.POSITIVE_INFINITY
    wheel.advance(performance.now(), (entry) => {
      entry.counts.expirations++
      drop(entry)
    })
    const next = wheel.nextMs
    if (next !== undefined) wakeAt(next)
  }

  function set(key: string, kept: Kept, keepMs: number): void {
    const before = find(key)
    const bytes = entryBytes + sizeOfString(key) + sizeOf(kept.value) + tags.bytesOf(kept.tags)
    // A value too large for the cache must not leave the one before it in place.
    if (isClosed || bytes > bytesMax || keepMs <= 0) {
      if (before) drop(before)
      return
    }
    const nowMs = Math.floor(performance.now())
    const entry = before ?? new Entry(table, key, hashKey(key, seed), bytes, kept, counts.of(key), nowMs)
    entry.counts.sets++
    if (before) {
      if (before.kept.tags.length > 0) tags.remove(before.kept.tags, before)
      before.counts.bytes += bytes - before.bytes
      eviction.resize(before, bytes)
      before.kept = kept
      before.setAtMs = nowMs
      eviction.touch(before)
    } else {
      indexes.set(key, entry.index)
      entries[entry.index] = entry
      entry.counts.count++
      entry.counts.bytes += bytes
      eviction.add(entry)
    }
    if (kept.tags.length > 0) tags.add(kept.tags, entry)
    if (entry.hash < reuse.below) reuse.record(entry.hash, bytes)
    // What is too long ago for a whole word is not calm either.
    const calmMs = Math.max(0, nowMs + Math.min(kept.calmUntil - Date.now(), keepMs))
    // A remembered nothing is never calm: undefined says that there is none.
    table.put(entry.index, kept.value, kept.value === undefined ? 0 : Math.floor(calmMs / tickMs))
    wakeAt(wheel.add(entry, nowMs + keepMs))
    makeRoom(nowMs)
  }

  return {
    get,
    peek,
    peekAwaited,
    getMany: (keys) => keys.map(get),
    set,
    delete(key) {
      const entry = find(key)
      if (entry) drop(entry)
    },
    deleteTag(tag) {
      for (const entry of tags.of(tag)) drop(entry)
    },
    deletePrefix(prefix) {
      for (const entry of entries) if (entry?.key.startsWith(prefix)) drop(entry)
    },
    insight() {
      for (const entry of entries) if (entry) hot.tell(entry.key, entry.settle())
      return measureInsight({ bytesMax, bytes: eviction.bytes, counts: counts.all(), reuse, hot })
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      for (const entry of entries) if (entry) drop(entry)
    },
  }
}
