// Hits and sets of one cache, alone in its process, so that no other teaches the compiler its shapes. Run by hits.ts:
// node hits-peer.ts <name> <folder of packages>. Answers one line of JSON: operations for each second of processor time.

import { openCache } from '../../src/tiers/cache/cache.ts'
import { openMemoryCache } from '../../src/tiers/cache/engines/memory/engine.ts'
import { loadPeer, processorSeconds } from './peers.ts'

const [name = '', packages = '.'] = process.argv.slice(2)
const keyCount = 10_000
const syncHits = 4_000_000
const sets = 400_000
const warmUp = 400_000
/** Processor time of an awaited measurement, whatever the speed of the peer. */
const awaitedMs = 700
const ttlMs = 300_000
/** About what ours, and what JSON, takes one of the values for. */
const [entryBytes, valueBytes] = [600, 60]

interface Peer {
  /** Hits at once, as many as told; the loop is the peer's own, as it is in an app. */
  sync?: (count: number) => number
  hit: (key: string) => Promise<unknown>
  /** Into a cache that is full, so that one leaves for each; of keys and values that are made already. */
  set?: (key: string, made: object) => void
}

const keys = Array.from({ length: keyCount }, (_, i) => `user:${i}`)
/** Neither in the order in which they were put nor in that of memory. */
const order = Array.from({ length: 1 << 16 }, (_, i) => keys[(i * 7919) % keyCount] as string)
const value = (key: string) => ({ id: key, name: `the user ${key}` })
const load = (name: string) => loadPeer(packages, name)

const peers: Record<string, () => Promise<Peer>> = {
  async tenfold() {
    const cache = openCache(openMemoryCache({ bytesMax: 64 * 1024 * 1024 }))
    const full = openMemoryCache({ bytesMax: keyCount * entryBytes })
    return {
      sync(count) {
        let found = 0
        for (let i = 0; i < count; i++) if (cache.peek(order[i & 0xffff] as string) !== undefined) found++
        return found
      },
      hit: (key) => cache.wrap(key, { ttl: '5m' }, async () => value(key)),
      set(key, made) {
        const freshUntil = Date.now() + ttlMs
        full.set(key, { value: made, freshUntil, calmUntil: freshUntil, loadMs: 0, tags: [] }, ttlMs)
      },
    }
  },
  async 'lru-cache'() {
    const { LRUCache } = await load('lru-cache')
    const cache = new LRUCache({ max: keyCount })
    return {
      sync(count) {
        let found = 0
        for (let i = 0; i < count; i++) if (cache.get(order[i & 0xffff] as string) !== undefined) found++
        return found
      },
      hit: cacheAside(cache),
      set: (key, made) => cache.set(key, made),
    }
  },
  /** With what ours has: times to live, and a bound in bytes. */
  async 'lru-cache in bytes'() {
    const { LRUCache } = await load('lru-cache')
    const sizeCalculation = (made: object, key: string) => key.length + JSON.stringify(made).length
    const cache = new LRUCache({ maxSize: keyCount * valueBytes, ttl: ttlMs, sizeCalculation })
    return { hit: cacheAside(cache), set: (key, made) => cache.set(key, made) }
  },
  async bentocache() {
    const { BentoCache, bentostore } = await load('bentocache')
    const { memoryDriver } = await load('bentocache/drivers/memory')
    const store = bentostore().useL1Layer(memoryDriver({ maxItems: keyCount, serialize: false }))
    const cache = new BentoCache({ default: 'one', stores: { one: store } })
    return { hit: (key) => cache.getOrSet({ key, ttl: '5m', factory: async () => value(key) }) }
  },
  async cacheable() {
    const { Cacheable, createKeyv } = await load('cacheable')
    const cache = new Cacheable({ primary: createKeyv({ lruSize: keyCount, useClone: false }) })
    return { hit: (key) => cache.getOrSet(key, async () => value(key), { ttl: '5m' }) }
  },
  async cachified() {
    const { cachified } = await load('@epic-web/cachified')
    const { LRUCache } = await load('lru-cache')
    const cache = new LRUCache({ max: keyCount })
    return { hit: (key) => cachified({ key, cache, ttl: 300_000, getFreshValue: async () => value(key) }) }
  },
}

const open = peers[name]
if (!open) throw new Error(`no peer ${name}; there are ${Object.keys(peers).join(', ')}`)
const peer = await open()
for (const key of keys) await peer.hit(key)
await awaited(50)
peer.sync?.(warmUp)
const sync = peer.sync && measured(() => peer.sync?.(syncHits))
const round = { sync, awaited: await awaited(awaitedMs), set: peer.set && perSecond(peer.set) }
process.stdout.write(JSON.stringify(round))
process.exit(0)

function measured(work: () => number | undefined): number {
  const before = process.cpuUsage()
  const found = work()
  if (found !== syncHits) throw new Error(`${name}: ${found} of ${syncHits} were hits`)
  return syncHits / processorSeconds(before)
}

/** As it is written over a cache that knows no loads. */
function cacheAside(cache: { get(key: string): object | undefined; set(key: string, made: object): void }) {
  return async (key: string) => {
    const kept = cache.get(key)
    if (kept !== undefined) return kept
    const made = value(key)
    cache.set(key, made)
    return made
  }
}

function perSecond(set: (key: string, made: object) => void): number {
  const others = Array.from({ length: 6 * keyCount }, (_, i) => `other:${(i * 7919) % (6 * keyCount)}`)
  const made = others.map(value)
  for (const [i, key] of others.entries()) set(key, made[i] as object)
  const before = process.cpuUsage()
  for (let i = 0; i < sets; i++) set(others[i % others.length] as string, made[i % others.length] as object)
  return sets / processorSeconds(before)
}

async function awaited(forMs: number): Promise<number> {
  const before = process.cpuUsage()
  let count = 0
  while (processorSeconds(before) * 1000 < forMs) {
    for (let i = 0; i < 1000; i++) await peer.hit(order[(count + i) & 0xffff] as string)
    count += 1000
  }
  return count / processorSeconds(before)
}
