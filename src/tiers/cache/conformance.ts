// The suite of the cache tier: every engine's test calls it.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { seededRandom } from '../../base/random.ts'
import { openCache } from './cache.ts'
import type { CacheEngine, Duration, Kept } from './contract.ts'
import { CacheHistory } from './history.ts'

export interface CacheConformance {
  /** Opens an engine with nothing in it and room for at least a megabyte. */
  open(): Promise<CacheEngine>
}

export function cacheConformance(name: string, { open }: CacheConformance): void {
  async function withCache(work: (cache: ReturnType<typeof openCache>, engine: CacheEngine) => Promise<void>) {
    const engine = await open()
    try {
      await work(openCache(engine), engine)
    } finally {
      await engine.close()
    }
  }

  describe(`cache engine ${name}`, () => {
    it('gives back what was set, null and false included', () =>
      withCache(async (cache) => {
        for (const value of [{ a: [1, 'two', null] }, 'text', 0, false, null]) {
          await cache.set('key', value, { ttl: '1m' })
          assert.deepEqual(await cache.get('key'), value)
        }
        await cache.delete('key')
        assert.equal(await cache.get('key'), undefined)
      }))

    it('forgets a value when its time to live is over', () =>
      withCache(async (cache) => {
        await cache.set('key', 1, { ttl: 30 })
        await waitUntil(async () => (await cache.get('key')) === undefined, { what: 'expiry', timeoutMs: 2000 })
      }))

    it('loads once for a hundred callers at the same time', () =>
      withCache(async (cache) => {
        let loads = 0
        const load = async () => {
          await new Promise((resolve) => setImmediate(resolve))
          return ++loads
        }
        const answers = await Promise.all(Array.from({ length: 100 }, () => cache.wrap('key', { ttl: '1m' }, load)))
        assert.deepEqual(new Set(answers), new Set([1]))
        assert.equal(await cache.wrap('key', { ttl: '1m' }, load), 1)
      }))

    it('gives an error to all who wait and does not remember it', () =>
      withCache(async (cache) => {
        let loads = 0
        const fail = async () => {
          loads++
          throw new Error('the origin is down')
        }
        const answers = await Promise.allSettled(
          Array.from({ length: 100 }, () => cache.wrap('key', { ttl: '1m' }, fail)),
        )
        assert.ok(answers.every((answer) => answer.status === 'rejected'))
        assert.equal(loads, 1)
        assert.equal(await cache.wrap('key', { ttl: '1m' }, async () => 'up again'), 'up again')
      }))

    it('does not remember undefined', () =>
      withCache(async (cache) => {
        assert.equal(await cache.wrap('key', { ttl: '1m' }, async () => undefined), undefined)
        assert.equal(await cache.wrap('key', { ttl: '1m' }, async () => 'found'), 'found')
      }))

    for (const change of ['delete', 'set'] as const)
      it(`a load that is under way does not undo a ${change}`, () =>
        withCache(async (cache) => {
          const [gate, isLoading] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
          const slow = cache.wrap('key', { ttl: '1m' }, async () => {
            isLoading.resolve()
            await gate.promise
            return 'old'
          })
          await isLoading.promise
          if (change === 'delete') await cache.delete('key')
          else await cache.set('key', 'new', { ttl: '1m' })
          gate.resolve()
          assert.equal(await slow, 'old', 'who asked before the change gets what was loaded')
          assert.equal(await cache.wrap('key', { ttl: '1m' }, async () => 'new'), 'new')
        }))

    it('refuses a duration or a key that cannot be one, and says so', () =>
      withCache(async (cache) => {
        for (const ttl of ['soon', '5 minutes', 0, -1, Number.NaN] as Duration[])
          await assert.rejects(
            cache.wrap('key', { ttl }, async () => 1),
            (error) => error instanceof TenfoldError && error.code === 'bad-input' && /ttl/.test(error.message),
          )
        await assert.rejects(cache.get(''), { code: 'bad-input' })
      }))

    it('gives back all that stands with a value', () =>
      withCache(async (_cache, engine) => {
        const freshUntil = Date.now() + 60_000.5
        const kept: Kept = { value: { a: 1 }, freshUntil, calmUntil: freshUntil - 12, loadMs: 3.25, tags: ['x', 'y'] }
        await engine.set('key', kept, 60_000)
        assert.deepEqual(await engine.get('key'), kept)
        const nothing: Kept = { ...kept, value: undefined, tags: [] }
        await engine.set('key', nothing, 60_000)
        assert.deepEqual(await engine.get('key'), nothing)
      }))

    it('gives many in the order of their keys', () =>
      withCache(async (cache) => {
        const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`)
        await Promise.all(keys.map((key, i) => (i % 3 === 0 ? undefined : cache.set(key, i, { ttl: '1m' }))))
        const expected = keys.map((_, i) => (i % 3 === 0 ? undefined : i))
        assert.deepEqual(await cache.getMany(keys), expected)
        assert.deepEqual(await cache.getMany([]), [])
        await assert.rejects(cache.getMany(new Array(1001).fill('key')), { code: 'bad-input' })
      }))

    it('remembers that there is nothing where it is told to', () =>
      withCache(async (cache) => {
        let loads = 0
        const load = async () => {
          loads++
          return undefined
        }
        for (let i = 0; i < 3; i++) await cache.wrap('key', { ttl: '1m', negativeTtl: '1m' }, load)
        assert.equal(loads, 1)
        assert.equal(await cache.get('key'), undefined)
      }))

    it('deletes what stands under a tag, whatever its key, and nothing else', () =>
      withCache(async (cache) => {
        for (let i = 0; i < 50; i++) await cache.set(`photo:${i}`, i, { ttl: '1m', tags: [`user:${i % 2}`, 'photos'] })
        await cache.set('photo:0', 'without tags now', { ttl: '1m' })
        await cache.deleteTag('user:0')
        await cache.deleteTag('nobody')
        const left = await cache.getMany(Array.from({ length: 50 }, (_, i) => `photo:${i}`))
        left.forEach((value, i) => {
          assert.equal(value, i === 0 ? 'without tags now' : i % 2 === 0 ? undefined : i)
        })
        await cache.set('photo:2', 'again', { ttl: '1m', tags: ['user:0'] })
        assert.equal(await cache.get('photo:2'), 'again', 'what is set after the deletion stays')
      }))

    it('deletes what starts with a prefix, and nothing else', () =>
      withCache(async (cache) => {
        const keys = ['user:1', 'user:10', 'user:2', 'use', 'users', 'a user:1', 'user:*', 'user:[1]']
        for (const key of keys) await cache.set(key, key, { ttl: '1m' })
        await cache.deletePrefix('user:1')
        assert.deepEqual(await cache.getMany(['user:1', 'user:10', 'user:2']), [undefined, undefined, 'user:2'])
        await cache.deletePrefix('user:[')
        await cache.deletePrefix('user:*')
        const left = keys.filter((key) => !['user:1', 'user:10', 'user:[1]', 'user:*'].includes(key))
        assert.deepEqual(await cache.getMany(left), left)
      }))

    for (const change of ['deleteTag', 'deletePrefix'] as const)
      it(`a load that is under way does not undo a ${change}`, () =>
        withCache(async (cache) => {
          const [started, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
          const slow = cache.wrap('user:1', { ttl: '1m', tags: ['user'] }, async () => {
            started.resolve()
            await gate.promise
            return 'old'
          })
          await started.promise
          await cache[change]('user')
          gate.resolve()
          assert.equal(await slow, 'old')
          assert.equal(await cache.wrap('user:1', { ttl: '1m' }, async () => 'new'), 'new')
        }))

    it('never gives back what was replaced or deleted, whoever does what at the same time', () =>
      withCache(async (_cache, engine) => {
        const seed = Math.floor(Math.random() * 2 ** 31)
        const random = seededRandom(seed)
        const history = new CacheHistory()
        const freshUntil = Date.now() + 60_000
        let version = 0
        const worker = async () => {
          for (let i = 0; i < 150; i++) {
            const key = `key:${random.int(4)}`
            const dice = random.next()
            if (dice < 0.6)
              await history.record('get', key, async () => (await engine.get(key))?.value as number | undefined)
            else if (dice < 0.9)
              await history.record('set', key, async () => {
                const value = ++version
                await engine.set(key, { value, freshUntil, calmUntil: freshUntil, loadMs: 0, tags: [] }, 60_000)
                return value
              })
            else
              await history.record('delete', key, async () => {
                if (dice < 0.97) await engine.delete(key)
                else await engine.deletePrefix(key)
                return undefined
              })
            if (random.int(8) === 0) await new Promise((resolve) => setImmediate(resolve))
          }
        }
        await Promise.all(Array.from({ length: 8 }, worker))
        assert.deepEqual(history.contradictions(), [], `seed ${seed}`)
        assert.ok(history.reads > 50, `${history.reads} reads found something`)
      }))

    it('who asks after a change was told is never given what was before it', () =>
      withCache(async (cache) => {
        const seed = Math.floor(Math.random() * 2 ** 31)
        const random = seededRandom(seed)
        const pause = () => new Promise((resolve) => setImmediate(resolve))
        const truth = new Map<string, number>()
        /** What had been changed and told of by then, by key. */
        const told = new Map<string, number>()
        const load = async (key: string) => {
          const value = truth.get(key) ?? 0
          if (random.int(2) === 0) await pause()
          return value
        }
        const reader = async () => {
          for (let i = 0; i < 100; i++) {
            const key = `key:${random.int(3)}`
            const least = told.get(key) ?? 0
            const got = await cache.wrap(key, { ttl: '1m' }, () => load(key))
            assert.ok(got >= least, `seed ${seed}: ${key} was ${got} after ${least} was told`)
          }
        }
        const writer = async (key: string) => {
          for (let value = 1; value <= 60; value++) {
            truth.set(key, value)
            await cache.delete(key)
            told.set(key, value)
            if (random.int(3) === 0) await pause()
          }
        }
        await Promise.all([reader(), reader(), reader(), writer('key:0'), writer('key:1'), writer('key:2')])
      }))

    it('finds nothing after close, and says so without an error', async () => {
      const engine = await open()
      await openCache(engine).set('key', 1, { ttl: '1m' })
      await engine.close()
      await engine.close()
      const cache = openCache(engine)
      assert.equal(await cache.get('key'), undefined)
      await cache.set('key', 2, { ttl: '1m' })
      assert.deepEqual(await cache.getMany(['key']), [undefined])
      await cache.delete('key')
    })
  })
}
