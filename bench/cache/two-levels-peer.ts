// One cache of two levels over Redis, alone in its process. Forked by two-levels.ts:
// two-levels-peer.ts <name> <folder of packages> <port> <password>. Answers each task with a speed.
//
// Values of a kilobyte, all of them in Redis; room for 10,000 in the process; 64 callers at the same time.

import { seededRandom } from '../../src/base/random.ts'
import { openCache } from '../../src/tiers/cache/cache.ts'
import { openMemoryCache } from '../../src/tiers/cache/engines/memory/engine.ts'
import { openRedisCache } from '../../src/tiers/cache/engines/redis/open.ts'
import { TwoLevels } from '../../src/tiers/cache/shared/two-levels.ts'
import { loadPeer, processorSeconds } from './peers.ts'
import { zipfNumbers } from './traces/made-traces.ts'

export interface Speed {
  perSecond: number
  perProcessorSecond: number
  /** Of all calls, those for which Redis was not asked. */
  nearShare: number
  /** Values that were in neither level. */
  loads: number
}

/** `mix`: some of 50,000 keys, as by Zipf's law. `far`: 30,000 others in turn, each once. `all`: both, each once. */
export interface Task {
  of: 'mix' | 'far' | 'all'
  from: number
  to: number
}

type GetOrLoad = (key: string) => Promise<unknown>

const [name = '', packages = '.', port = '', password = ''] = process.argv.slice(2)
const [mixKeys, farKeys] = [50_000, 30_000]
const nearCount = 10_000
const callers = 64
const ttlMs = 3_600_000
/** What a value may be held in the process without being read again, where a cache has no longer time of its own. */
const nearTtlMs = 60_000
const mixCalls = 1_000_000
const server = { host: '127.0.0.1', port: Number(port) }
const text = 'x'.repeat(950)

let loads = 0
const load = async (key: string) => {
  loads++
  return { id: key, name: `the user ${key}`, text }
}
const all = Array.from({ length: mixKeys + farKeys }, (_, i) => `${name.replace(' ', '-')}:${i}`)
/** Which keys are popular has nothing to do with the order in which they were put. */
const popular = all.slice(farKeys).map((_, i) => all[farKeys + ((i * 7919) % mixKeys)] as string)
const mix = [...zipfNumbers({ skew: 0.99, objects: mixKeys, requests: mixCalls, random: seededRandom(5) })].map(
  (n) => popular[n] as string,
)

const caches: Record<string, () => Promise<GetOrLoad>> = {
  async tenfold() {
    const near = openMemoryCache({ bytesMax: await bytesOf(nearCount) })
    const far = await openRedisCache({
      servers: { kind: 'nodes', nodes: [{ address: server.host, port: server.port }] },
      username: 'app',
      password,
      // On a busy machine the usual 50 ms pass now and then. A miss would cost nothing here, and so be faster than a hit.
      limits: { callMsMax: 10_000, hangMsMax: 10_000 },
    })
    const cache = openCache(new TwoLevels(near, far))
    return (key) => cache.wrap(key, { ttl: ttlMs }, () => load(key))
  },

  async bentocache() {
    const { BentoCache, bentostore } = await loadPeer(packages, 'bentocache')
    const { memoryDriver } = await loadPeer(packages, 'bentocache/drivers/memory')
    const { redisDriver, redisBusDriver } = await loadPeer(packages, 'bentocache/drivers/redis')
    const connection = { ...server, username: 'app', password }
    const store = bentostore()
      .useL1Layer(memoryDriver({ maxItems: nearCount }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection }))
    const cache = new BentoCache({ default: 'one', stores: { one: store } })
    return (key) => cache.getOrSet({ key, ttl: ttlMs, factory: () => load(key) })
  },

  /** Without a word of changes: what is old in another process stays old there for `nearTtlMs`. */
  async 'by hand'() {
    const { createClient } = await loadPeer(packages, 'redis')
    const { LRUCache } = await loadPeer(packages, 'lru-cache')
    const client = await createClient({ socket: server, username: 'app', password }).connect()
    const near = new LRUCache({ max: nearCount, ttl: nearTtlMs })
    const underWay = new Map<string, Promise<unknown>>()
    async function read(key: string): Promise<unknown> {
      const found = await client.get(key)
      const value = found === null ? await load(key) : JSON.parse(found)
      if (found === null) await client.set(key, JSON.stringify(value), { PX: ttlMs })
      near.set(key, value)
      return value
    }
    return async (key) => {
      const kept = near.get(key)
      if (kept !== undefined) return kept
      const flight = underWay.get(key) ?? read(key).finally(() => underWay.delete(key))
      underWay.set(key, flight)
      return flight
    }
  },
}

const open = caches[name]
if (!open) throw new Error(`no cache ${name}; there are ${Object.keys(caches).join(', ')}`)
const getOrLoad = await open()
const readsSoFar = await openCounter()
process.on('message', async ({ of, from, to }: Task) => {
  const calls = { mix, far: all.slice(0, farKeys), all }[of].slice(from, to)
  process.send?.(await measured(() => each(calls)))
})

/** Each of the keys in turn, by all callers together. Answers how many there were. */
async function each(of: readonly string[]): Promise<number> {
  let next = 0
  const caller = async () => {
    while (next < of.length) await getOrLoad(of[next++] as string)
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return of.length
}

async function measured(work: () => Promise<number>): Promise<Speed> {
  const [readsBefore, loadsBefore] = [await readsSoFar(), loads]
  const [startedAt, processorBefore] = [performance.now(), process.cpuUsage()]
  const count = await work()
  const seconds = (performance.now() - startedAt) / 1000
  return {
    perSecond: count / seconds,
    perProcessorSecond: count / processorSeconds(processorBefore),
    nearShare: 1 - ((await readsSoFar()) - readsBefore) / count,
    loads: loads - loadsBefore,
  }
}

/** How many values Redis gave, in its own words. */
async function openCounter(): Promise<() => Promise<number>> {
  const { createClient } = await loadPeer(packages, 'redis')
  const client = await createClient({ socket: server, username: 'app', password }).connect()
  return async () => Number(/keyspace_hits:(\d+)/.exec(await client.info('stats'))?.[1])
}

/** Room for so many of the values, since ours is bounded in bytes and the others in values. */
async function bytesOf(count: number): Promise<number> {
  const engine = openMemoryCache({ bytesMax: Number.MAX_SAFE_INTEGER })
  for (const key of all.slice(0, 100)) {
    const value = await load(key)
    engine.set(
      key,
      { value, freshUntil: Date.now() + ttlMs, calmUntil: Date.now() + ttlMs, loadMs: 0, tags: [] },
      ttlMs,
    )
  }
  loads = 0
  return (engine.insight().bytes / 100) * count
}
