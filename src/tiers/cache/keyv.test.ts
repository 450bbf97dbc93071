// Keyv's own suite for stores, over a cache in the process and over one in Redis. It is written for vitest, of which it takes
// what it uses as an argument: node:test runs it, and a check that is not known here fails its test.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import keyvTestSuite from '@keyv/test-suite'
import Keyv from 'keyv'
import { waitUntil } from '../../base/limits.ts'
import { openCache } from './cache.ts'
import type { CacheEngine } from './contract.ts'
import { openMemoryCache } from './engines/memory/engine.ts'
import { openOver, startServers } from './engines/redis/testing.ts'
import { KeyvStore } from './keyv.ts'

/** How many tests version 2.1.2 has. */
const suiteTests = 38

function expect(got: unknown) {
  return {
    toBe: (wanted: unknown) => assert.equal(got, wanted),
    toEqual: (wanted: unknown) => assert.deepEqual(got, wanted),
    toBeTruthy: () => assert.ok(got),
    toBeFalsy: () => assert.ok(!got),
    toBeNull: () => assert.equal(got, null),
    toBeUndefined: () => assert.equal(got, undefined),
    toBeDefined: () => assert.notEqual(got, undefined),
  }
}

const engines: Record<string, () => Promise<{ engine: CacheEngine; stop(): Promise<void> }>> = {
  async memory() {
    return { engine: openMemoryCache({ bytesMax: 1024 * 1024 }), stop: async () => {} }
  },
  async redis() {
    const servers = await startServers(1)
    return { engine: await openOver(servers), stop: async () => servers[Symbol.asyncDispose]() }
  },
}

for (const [name, open] of Object.entries(engines))
  describe(`under Keyv, over ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    before(async () => {
      opened = await open()
    })
    after(async () => {
      await opened?.engine.close()
      await opened?.stop()
    })
    const store = () => new KeyvStore(openCache(opened.engine))

    let tests = 0
    const vitest = {
      beforeEach,
      afterEach,
      it(name: string, work: (context: unknown) => void | Promise<void>) {
        tests++
        it(name, () => work({ expect }))
      },
    }
    keyvTestSuite(vitest as never, Keyv, store)
    assert.equal(tests, suiteTests)

    it('stores with one name see the same, with another nothing of it; what is cleared is one namespace alone', async () => {
      const cache = openCache(opened.engine)
      const [one, same] = [1, 2].map(() => new Keyv({ store: new KeyvStore(cache, { name: 'one' }) }))
      const other = new Keyv({ store: new KeyvStore(cache, { name: 'other' }) })
      await one?.set('key', { a: 1 })
      await other.set('key', 2)
      assert.deepEqual(await same?.get('key'), { a: 1 })
      assert.equal(await other.get('key'), 2)
      await same?.clear()
      assert.equal(await one?.get('key'), undefined)
      assert.equal(await other.get('key'), 2)
      const nameless = new KeyvStore(cache, { name: 'other' })
      await nameless.clear()
      assert.equal(await other.get('key'), undefined)
    })

    it('what has no end ends as the store was told, and what cannot be kept says so', async () => {
      const cache = openCache(opened.engine)
      const keyv = new Keyv({ store: new KeyvStore(cache, { name: 'short', ttl: 20 }), throwOnErrors: true })
      await keyv.set('key', 1)
      await waitUntil(async () => (await keyv.get('key')) === undefined, { what: 'the end', timeoutMs: 10_000 })
      keyv.on('error', () => {})
      await assert.rejects(keyv.set('k'.repeat(2000), 1), { code: 'bad-input' })
    })
  })
