// The suite of the cache tier: every engine's test calls it.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { openCache } from './cache.ts'
import type { CacheEngine, Duration } from './contract.ts'

export interface CacheConformance {
  /** Opens an engine with nothing in it and room for at least a megabyte. */
  open(): Promise<CacheEngine>
}

export function cacheConformance(name: string, { open }: CacheConformance): void {
  async function withCache(work: (cache: ReturnType<typeof openCache>) => Promise<void>): Promise<void> {
    const engine = await open()
    try {
      await work(openCache(engine))
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
  })
}
