// What apps hold, over the memory engine: what is given when, what is loaded when, and by how many.

import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { describe, it } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { waitUntil } from '../../base/limits.ts'
import { seededRandom } from '../../base/random.ts'
import { openCache } from './cache.ts'
import type { WrapOptions } from './contract.ts'
import { openMemoryCache } from './engines/memory/engine.ts'

const start = 1_000_000

function open({ seed = 1 } = {}) {
  const clock = new ManualClock(start)
  const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }), { clock, random: seededRandom(seed) })
  /** A loader that counts, gives its count, and can be held up or made to fail. */
  const origin = {
    loads: 0,
    fails: false,
    gate: undefined as Promise<void> | undefined,
    load: async () => {
      const load = ++origin.loads
      await origin.gate
      if (origin.fails) throw new Error(`the origin is down, load ${load}`)
      return load
    },
  }
  const ask = (options: WrapOptions) => cache.wrap('key', options, origin.load)
  return { cache, clock, origin, ask }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('time', () => {
  it('a value ends at its ttl, or by jitter up to that share sooner, and never later', async () => {
    const ends = new Set<number>()
    for (let seed = 0; seed < 40; seed++) {
      const { clock, origin, ask } = open({ seed })
      await ask({ ttl: 1000, jitter: 0.5 })
      let ended = 0
      for (; origin.loads === 1; ended += 20) {
        await clock.advance(20)
        await ask({ ttl: 1000, jitter: 0.5 })
      }
      assert.ok(ended >= 480 && ended <= 1000, `${ended}`)
      ends.add(ended)
    }
    assert.ok(ends.size > 10, 'spread out')
  })

  it('a kind of data brings its times, and what is said beside it wins', async () => {
    const { cache, clock, origin, ask } = open()
    await ask({ kind: 'session' })
    await clock.advance(30 * 60_000 - 1)
    assert.equal(await ask({ kind: 'session' }), 1)
    await clock.advance(1)
    assert.equal(await ask({ kind: 'session', ttl: '1s' }), 2)
    await clock.advance(1000)
    assert.equal(await ask({ kind: 'session' }), 3)
    assert.equal(origin.loads, 3)
    await assert.rejects(cache.wrap('other', { kind: 'soon' as 'session' }, origin.load), { code: 'bad-input' })
    await assert.rejects(cache.wrap('other', {}, origin.load), { code: 'bad-input' })
  })

  it('nothing is remembered for as long as negativeTtl says', async () => {
    const { cache, clock } = open()
    let loads = 0
    const ask = (found?: string) =>
      cache.wrap('key', { ttl: '1m', negativeTtl: '10s', jitter: 0 }, async () => {
        loads++
        return found
      })
    assert.deepEqual([await ask(), await ask('found')], [undefined, undefined])
    assert.equal(loads, 1)
    await clock.advance(10_000)
    assert.equal(await ask('found'), 'found')
  })
})

describe('stale values', () => {
  const options: WrapOptions = { ttl: 1000, jitter: 0, staleFor: 500 }

  it('staleFor: the old value at once, one load for all, and then the new one', async () => {
    const { clock, origin, ask } = open()
    await ask(options)
    await clock.advance(1000)
    const gate = Promise.withResolvers<void>()
    origin.gate = gate.promise
    assert.deepEqual(await Promise.all([ask(options), ask(options), ask(options)]), [1, 1, 1])
    await turn()
    assert.equal(origin.loads, 2)
    gate.resolve()
    await turn()
    assert.equal(await ask(options), 2)
    await clock.advance(1500)
    assert.equal(await ask(options), 3, 'after staleFor one waits')
  })

  it('staleOnError: the old value when the load fails, an error when it is too old', async () => {
    const { clock, origin, ask } = open()
    const grace: WrapOptions = { ttl: 1000, jitter: 0, staleOnError: 5000 }
    await ask(grace)
    origin.fails = true
    await clock.advance(1000)
    assert.equal(await ask(grace), 1)
    await clock.advance(5000)
    await assert.rejects(ask(grace), /the origin is down/)
  })

  it('softTimeout: whoever has an old value does not wait for a slow load, whose value comes all the same', async () => {
    const { clock, origin, ask } = open()
    const soft: WrapOptions = { ttl: 1000, jitter: 0, staleOnError: 5000, softTimeout: 10 }
    await ask(soft)
    await clock.advance(1000)
    const gate = Promise.withResolvers<void>()
    origin.gate = gate.promise
    assert.equal(await ask(soft), 1)
    gate.resolve()
    await turn()
    assert.equal(await ask(soft), 2)
    assert.equal(origin.loads, 2)
  })

  it('hardTimeout: nobody waits longer, and what comes later is remembered', async () => {
    const { origin, ask } = open()
    const gate = Promise.withResolvers<void>()
    origin.gate = gate.promise
    await assert.rejects(ask({ ttl: '1m', hardTimeout: 10 }), { code: 'timeout' })
    gate.resolve()
    await turn()
    assert.equal(await ask({ ttl: '1m', hardTimeout: 10 }), 1)
  })

  it('says hit, miss and stale to those who listen', async () => {
    const { clock, ask } = open()
    const outcomes: unknown[] = []
    const listen = (message: unknown) => outcomes.push((message as { outcome: string }).outcome)
    channel('tenfold:cache').subscribe(listen)
    try {
      await ask(options)
      await ask(options)
      await clock.advance(1000)
      await ask(options)
    } finally {
      channel('tenfold:cache').unsubscribe(listen)
    }
    assert.deepEqual(outcomes, ['miss', 'hit', 'stale'])
  })
})

describe('early refresh', () => {
  it('renews before the end, by few of many, while all are given what is there', async () => {
    const { clock, origin, ask } = open()
    const options: WrapOptions = { ttl: 10_000, jitter: 0, earlyRefresh: 1 }
    const gate = Promise.withResolvers<void>()
    origin.gate = gate.promise
    const first = ask(options)
    await turn()
    await clock.advance(100)
    gate.resolve()
    await first
    origin.gate = undefined
    await clock.advance(5000)
    for (let i = 0; i < 1000; i++) assert.equal(await ask(options), 1)
    assert.equal(origin.loads, 1, 'far from the end nobody renews')
    await clock.advance(4700)
    let asked = 0
    while (origin.loads === 1 && asked < 1000) {
      assert.equal(await ask(options), 1)
      asked++
      await turn()
    }
    // Three loads' lengths before the end each request renews with probability e^-2 to e^-3.
    assert.ok(asked > 1 && asked < 200, `renewed by request ${asked}`)
    assert.equal(await ask(options), 2)
  })
})

describe('errors', () => {
  it('an origin that is down is asked rarely and never by one caller after the other', async () => {
    const { clock, origin, ask } = open()
    origin.fails = true
    for (let ms = 0; ms < 10_000; ms += 10) {
      const answers = await Promise.allSettled(Array.from({ length: 5 }, () => ask({ ttl: '1m' })))
      assert.ok(answers.every(({ status }) => status === 'rejected'))
      await clock.advance(10)
    }
    assert.ok(origin.loads > 4 && origin.loads < 15, `${origin.loads} loads of 5,000 requests`)
    origin.fails = false
    await clock.advance(5000)
    assert.equal(typeof (await ask({ ttl: '1m' })), 'number')
  })

  it('a set ends the pause', async () => {
    const { cache, origin, ask } = open()
    origin.fails = true
    for (let i = 0; i < 3; i++) await assert.rejects(ask({ ttl: '1m' }))
    await cache.set('key', 'set', { ttl: '1m' })
    assert.equal(await cache.get('key'), 'set')
    await cache.delete('key')
    origin.fails = false
    assert.equal(typeof (await ask({ ttl: '1m' })), 'number')
  })
})

describe('loads', () => {
  it('one that never ends holds up nobody who comes a minute later', async () => {
    const { clock, origin, ask } = open()
    origin.gate = new Promise(() => {})
    const first = ask({ ttl: '1m', hardTimeout: 20 })
    await assert.rejects(first, { code: 'timeout' })
    origin.gate = undefined
    await assert.rejects(ask({ ttl: '1m', hardTimeout: 20 }), { code: 'timeout' }, 'waits for the same load')
    assert.equal(origin.loads, 1)
    await clock.advance(60_000)
    assert.equal(await ask({ ttl: '1m' }), 2)
  })

  it('a thousand callers of a hundred keys are a hundred loads', async () => {
    const { cache } = open()
    let loads = 0
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        cache.wrap(`key:${i % 100}`, { ttl: '1m' }, async () => {
          loads++
          await turn()
          return i % 100
        }),
      ),
    )
    assert.equal(loads, 100)
    assert.ok(answers.every((answer, i) => answer === i % 100))
  })
})

describe('namespaces', () => {
  it('prefix keys, bring their times, and are cleared alone', async () => {
    const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }))
    const users = cache.namespace('user', { ttl: '5m' })
    const friends = users.namespace('friends')
    assert.equal(await users.wrap('7', async () => 'Ada'), 'Ada')
    await friends.set('7', ['Bob'])
    await cache.set('photo:7', 'a photo', { ttl: '5m' })
    assert.equal(await cache.get('user:7'), 'Ada')
    assert.deepEqual(await cache.getMany(['user:7', 'nobody', 'user:friends:7']), ['Ada', undefined, ['Bob']])
    await users.clear()
    assert.deepEqual(await cache.getMany(['user:7', 'user:friends:7', 'photo:7']), [undefined, undefined, 'a photo'])
    assert.throws(() => cache.namespace('user', { ttl: 'soon' as '1s' }), { code: 'bad-input' })
    await assert.rejects(cache.namespace('user').set('7', 1), { code: 'bad-input' })
  })
})

describe('tags', () => {
  it('of a namespace stand on all of its values, beside those that are said at the call', async () => {
    const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }))
    const users = cache.namespace('user', { ttl: '5m', tags: ['users'] })
    const friends = users.namespace('friends', { tags: ['friends'] })
    await users.set('1', 1, { tags: ['admin'] })
    await friends.set('1', [2])
    await users.wrap('2', { tags: ['admin'] }, async () => 2)
    await cache.deleteTag('admin')
    assert.deepEqual(await users.getMany(['1', '2', 'friends:1']), [undefined, undefined, [2]])
    await users.set('1', 1, { tags: ['admin'] })
    await cache.deleteTag('users')
    assert.deepEqual(await users.getMany(['1', 'friends:1']), [undefined, undefined])
  })
})

describe('peek', () => {
  it('gives at once what lies fresh in the process, and nothing that has ended', async () => {
    const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }))
    assert.equal(cache.peek('key'), undefined)
    await cache.wrap('key', { ttl: 200, staleFor: '1h' }, async () => 'value')
    assert.equal(cache.peek('key'), 'value')
    await waitUntil(() => cache.peek('key') === undefined, { what: 'the end', timeoutMs: 5000 })
    // A tick sooner than `get`, since peek reckons in ticks.
    const isGone = async () => (await cache.get('key')) === undefined
    await waitUntil(isGone, { what: 'the end for get: stale is for wrap alone', timeoutMs: 5000 })
    assert.equal(await cache.wrap('key', { ttl: 200, staleFor: '1h' }, async () => 'new'), 'value')
  })

  it('a chain of awaited hits that lets no timer run sees the end all the same', async () => {
    const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }))
    const until = performance.now() + 5000
    const load = async () => performance.now()
    const first = await cache.wrap('key', { ttl: 50 }, load)
    let last = first
    while (last === first && performance.now() < until) last = await cache.wrap('key', { ttl: 50 }, load)
    assert.ok(last - first >= 30 && last - first < 500, `loaded again after ${last - first} ms`)
  })
})
