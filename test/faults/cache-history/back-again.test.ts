// Ways in which a value that was replaced once came back, or could: one test for each.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '../../../src/base/limits.ts'
import { openCache } from '../../../src/tiers/cache/cache.ts'
import { openMemoryCache } from '../../../src/tiers/cache/engines/memory/engine.ts'
import type { RedisSharedCache } from '../../../src/tiers/cache/engines/redis/open.ts'
import type { RedisCacheLimits } from '../../../src/tiers/cache/engines/redis/options.ts'
import { partitionOf, Ring } from '../../../src/tiers/cache/engines/redis/ring.ts'
import { keptOf, openAt, patient, startServers } from '../../../src/tiers/cache/engines/redis/testing.ts'
import { TwoLevels } from '../../../src/tiers/cache/shared/two-levels.ts'
import { ServerProxy, userNameOf } from './proxy.ts'

const minuteMs = 60_000
const waitMs = 20_000

interface Parts {
  one: RedisSharedCache
  two: RedisSharedCache
  proxies: readonly ServerProxy[]
  /** The first key (or tag) of which this server is the home. */
  keyAt(index: number, name?: string): string
}

async function withTwo(
  { count = 1, limits = {} }: { count?: number; limits?: Partial<RedisCacheLimits> },
  work: (parts: Parts) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const servers = stack.use(await startServers(count))
  const proxies: ServerProxy[] = []
  for (const [i, server] of servers.entries()) proxies.push(stack.use(await ServerProxy.open(server.port, i)))
  const nodes = proxies.map(({ port }) => ({ address: '127.0.0.1', port }))
  const open = (which: number) => {
    const options = { username: userNameOf(which), limits: { ...patient, ...limits } }
    return openAt({ kind: 'nodes', nodes }, servers[0]?.secrets.app ?? '', options)
  }
  const ring = new Ring(nodes.map(({ address, port }) => `${address}:${port}`))
  await work({
    one: stack.use(await open(1)),
    two: stack.use(await open(2)),
    proxies,
    keyAt(index, name = 'key') {
      for (let i = 0; ; i++) if (ring.ownerOf(partitionOf(`${name}:${i}`)) === index) return `${name}:${i}`
    },
  })
}

const valueIn = async (cache: RedisSharedCache, key: string) => (await cache.get(key))?.value

/** For a while, in which it would have happened. */
async function never(check: () => Promise<boolean>, what: string): Promise<void> {
  const untilMs = performance.now() + 500
  while (performance.now() < untilMs) {
    assert.ok(!(await check()), what)
    await sleep(10)
  }
}

describe('what was replaced does not come back', () => {
  it('by bytes that were on their way when their connection was given up', () =>
    withTwo({ limits: { callMsMax: 200, hangMsMax: 400 } }, async ({ one, two, proxies, keyAt }) => {
      const key = keyAt(0)
      const [proxy] = proxies as [ServerProxy]
      proxy.set(userNameOf(1), 'data', { mode: 'strand' })
      await one.set(key, keptOf('late'), minuteMs) // nobody answers, and it is owed
      await waitUntil(
        async () => {
          await one.set('another', keptOf(1), minuteMs)
          return (await valueIn(one, 'another')) === 1
        },
        { what: 'a new connection', timeoutMs: waitMs },
      )
      const isNew = async () => {
        await two.set(key, keptOf('new'), minuteMs)
        return (await valueIn(one, key)) === 'new'
      }
      await waitUntil(isNew, { what: 'the new value', timeoutMs: waitMs })
      proxy.set(userNameOf(1), 'data', { mode: 'open' })
      await never(async () => (await valueIn(two, key)) === 'late', 'the late one came back')
    }))

  it('by the version that its tag had on a server that stood in for its home', () => {
    const [returnMs, strayMsMax] = [100, 500]
    return withTwo({ count: 2, limits: { returnMs, strayMsMax } }, async ({ one, proxies, keyAt }) => {
      const [tag, key, atFirst] = [keyAt(0, 'tag'), keyAt(1), keyAt(0, 'other')]
      const lanes = ['data', 'word'] as const
      const cut = async () => {
        for (const lane of lanes) proxies[0]?.set(userNameOf(1), lane, { mode: 'cut' })
        const isElsewhere = async () => {
          await one.set(atFirst, keptOf('stray'), minuteMs)
          return (await valueIn(one, atFirst)) === 'stray'
        }
        await waitUntil(isElsewhere, { what: 'the loss', timeoutMs: waitMs })
      }
      await cut()
      await one.set(key, keptOf('deleted', [tag]), minuteMs)
      assert.equal(await valueIn(one, key), 'deleted')
      for (const lane of lanes) proxies[0]?.set(userNameOf(1), lane, { mode: 'open' })
      // At home the tag has another version, so that the value does not count there.
      await waitUntil(async () => (await valueIn(one, key)) === undefined, { what: 'the way back', timeoutMs: waitMs })
      await sleep(returnMs + 3 * strayMsMax) // nobody expects anything elsewhere any more
      await one.deleteTag(tag)
      await cut()
      await never(async () => (await valueIn(one, key)) !== undefined, 'it came back')
    })
  })

  it('for longer than a lease, when its writer died between the truth and the cache', () =>
    withTwo({}, async ({ one, two }) => {
      let truth = 'old'
      const stores = Promise.withResolvers<void>()
      const open = (far: RedisSharedCache) =>
        openCache(new TwoLevels(openMemoryCache({ bytesMax: 1_000_000 }), far)).through<string>({
          name: 'user',
          ttl: '1h',
          load: async () => truth,
          async store(_key, value) {
            truth = value ?? 'gone'
            stores.resolve()
            await new Promise(() => {}) // it died here
          },
        })
      const [dying, living] = [open(one), open(two)]
      assert.equal(await living.get('7'), 'old')
      void dying.set('7', 'new')
      await stores.promise
      await one.close() // a process that is dead holds on to nothing
      await waitUntil(async () => (await living.get('7')) === 'new', { what: 'the end of the old', timeoutMs: waitMs })
    }))

  it('for longer than stated, when something in between leaves word of it out, and nothing else', () =>
    withTwo({}, async ({ one, two, proxies, keyAt }) => {
      const key = keyAt(0)
      const both = new TwoLevels(openMemoryCache({ bytesMax: 1_000_000 }), one, { nearMsMax: 1500 })
      await two.set(key, keptOf('old'), minuteMs)
      const isNear = async () => (await both.get(key))?.value === 'old' && both.peek(key) === 'old'
      await waitUntil(isNear, { what: 'a hit', timeoutMs: waitMs })
      proxies[0]?.set(userNameOf(1), 'word', { mode: 'mute' })
      await two.set(key, keptOf('new'), minuteMs)
      await waitUntil(async () => (await both.get(key))?.value === 'new', { what: 'the new value', timeoutMs: waitMs })
      await both.close()
    }))
})
