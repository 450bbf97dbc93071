// Memory before Redis: at once on a hit, and never older than stated, whatever happens to word of changes.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../../../base/clock.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { seededRandom } from '../../../../base/random.ts'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { cacheConformance } from '../../conformance.ts'
import { TwoLevels } from '../../shared/two-levels.ts'
import { keptOf } from '../../testing/kept.ts'
import { openMemoryCache } from '../memory/engine.ts'
import { type OverOptions, openOver, startServers } from './testing.ts'

const minuteMs = 60_000
const waitMs = 10_000
const bytesMax = 1024 * 1024

async function openBoth(
  servers: readonly TestRedis[],
  options: OverOptions = {},
): Promise<TwoLevels & AsyncDisposable> {
  const both = new TwoLevels(openMemoryCache({ bytesMax }), await openOver(servers, options))
  return Object.assign(both, { [Symbol.asyncDispose]: () => both.close() })
}

cacheConformance('memory before redis', {
  async open() {
    const servers = await startServers(1)
    const both = await openBoth(servers)
    const closeBoth = both.close.bind(both)
    const close = async () => {
      await closeBoth()
      await servers[Symbol.asyncDispose]()
    }
    return Object.assign(both, { close })
  },
})

describe('memory before redis', () => {
  it('is at hand at once after a read, and gone when anybody changes the key, its tag or its prefix', async () => {
    await using servers = await startServers(1)
    await using one = await openBoth(servers)
    await using two = await openBoth(servers)
    const changes: Array<[string, () => Promise<void>]> = [
      ['a set', () => two.set('user:1', keptOf('new', ['users']), minuteMs)],
      ['a delete', () => two.delete('user:1')],
      ['a tag', () => two.deleteTag('users')],
      ['a prefix', () => two.deletePrefix('user:')],
      ['an own delete', () => one.delete('user:1')],
    ]
    for (const [what, change] of changes) {
      await one.set('user:1', keptOf('old', ['users']), minuteMs)
      // Word of the own set may come after the read, and then it is read once more.
      await waitUntil(async () => (await one.get('user:1')) && one.peek('user:1') === 'old', {
        what,
        timeoutMs: waitMs,
      })
      assert.equal(await one.peekAwaited('user:1'), 'old')
      await change()
      await waitUntil(() => one.peek('user:1') === undefined, { what, timeoutMs: waitMs })
      assert.notEqual((await one.get('user:1'))?.value, 'old', what)
    }
  })

  it('holds nothing while word may be lost, and again when it comes', async (t) => {
    await using servers = await startServers(1)
    await using both = await openBoth(servers)
    const isHeld = async () => (await both.get('key')) !== undefined && both.peek('key') === 1
    await both.set('key', keptOf(1), minuteMs)
    await waitUntil(isHeld, { what: 'a hit', timeoutMs: waitMs })
    const startedMs = performance.now()
    servers[0]?.signal('SIGSTOP')
    await waitUntil(() => both.peek('key') === undefined, { what: 'nothing', timeoutMs: waitMs })
    t.diagnostic(`for ${(performance.now() - startedMs).toFixed(0)} ms, stated ${both.stalenessMsMax}`)
    servers[0]?.signal('SIGCONT')
    await waitUntil(isHeld, { what: 'a hit', timeoutMs: waitMs })
  })

  it('no read is older than stated while connections are cut and servers pause, die and come back', async () => {
    await using servers = await startServers(2)
    const open = () => openBoth(servers, { limits: {} })
    const caches = [await open(), await open(), await open()]
    const seed = Date.now() % 100_000
    const random = seededRandom(seed)
    const keys = Array.from({ length: 12 }, (_, i) => `key:${i}`)
    /** Of each key, what was written and acknowledged, by one writer, so that the numbers grow. */
    const written = new Map<string, Array<{ value: number; at: number }>>(keys.map((key) => [key, []]))
    const late: string[] = []
    let [reads, hits] = [0, 0]
    const end = performance.now() + 6000
    /** Where the machine is busy, no read may have been a hit while something is always broken. */
    const isOver = () => performance.now() >= end && (hits > 0 || performance.now() >= end + waitMs)
    const write = async (key: string, i: number) => {
      const cache = caches[i % caches.length] as TwoLevels
      for (let value = 1; !isOver(); value++) {
        await (random.next() < 0.2 ? cache.delete(key) : cache.set(key, keptOf(value), minuteMs))
        written.get(key)?.push({ value, at: performance.now() })
        await systemClock.sleep(random.int(60))
      }
    }
    const read = async (cache: TwoLevels) => {
      while (!isOver()) {
        const key = random.pick(keys)
        const startedMs = performance.now()
        const peeked = cache.peek(key) as number | undefined
        const value = peeked ?? ((await cache.get(key))?.value as number | undefined)
        reads++
        if (peeked !== undefined) hits++
        const before = written.get(key)?.findLast(({ at }) => at < startedMs - cache.stalenessMsMax)
        if (value !== undefined && before && value < before.value)
          late.push(`${key} is ${value}, ${before.value} was written ${startedMs - before.at} ms before`)
        if (reads % 20 === 0) await systemClock.sleep(1)
      }
    }
    const hurt = async () => {
      for (let round = 0; performance.now() < end - 500; round++) {
        await systemClock.sleep(300)
        const server = servers[round % 2] as TestRedis
        if (round % 3 === 0) {
          using admin = await RedisAdmin.connect(server)
          await admin.command('CLIENT', 'KILL', 'USER', 'app')
        } else if (round % 3 === 1) {
          server.signal('SIGSTOP')
          await systemClock.sleep(400)
          server.signal('SIGCONT')
        } else {
          await server.kill()
          await systemClock.sleep(200)
          await server.start()
        }
      }
    }
    await Promise.all([...keys.map(write), ...caches.map(read), hurt()])
    for (const cache of caches) await cache.close()
    assert.deepEqual(late.slice(0, 3), [], `seed ${seed}: ${late.length} of ${reads} reads`)
    assert.ok(hits > 0, `none of ${reads} reads was a hit in the process`)
  })
})
