// The redis engine on real servers: what is kept, forgotten, and fenced.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { openCache } from '../../cache.ts'
import type { Change, Lease, SharedCacheEngine } from '../../shared/contract.ts'
import { keptOf, openOver, startServers } from './testing.ts'

const minuteMs = 60_000
const waitMs = 10_000

for (const count of [1, 3])
  describe(`the redis engine over ${count} plain nodes`, () => {
    let servers: TestRedis[] & AsyncDisposable
    let cache: SharedCacheEngine & AsyncDisposable
    let other: SharedCacheEngine & AsyncDisposable
    before(async () => {
      servers = await startServers(count)
      cache = await openOver(servers)
      other = await openOver(servers)
    })
    after(async () => {
      await cache?.close()
      await other?.close()
      await servers?.[Symbol.asyncDispose]()
    })

    async function lease(key: string, tags: string[] = [], by = cache): Promise<Lease> {
      const claim = await by.claim(key, { leaseMs: 5000, tags })
      assert.equal(claim.outcome, 'lease')
      return (claim as { lease: Lease }).lease
    }

    it('gives every process back what one of them put, with its times', async () => {
      const values = [
        { a: [1, 'two', null, { b: false }] },
        'text with \n and é',
        '',
        0,
        -0,
        Number.NaN,
        null,
        undefined,
        false,
        new Date(7),
        new Map([['a', new Set([1n])]]),
        { a: undefined },
        Buffer.from([0, 255, 10]),
        { inside: new Uint8Array([1, 2]) },
        [],
      ]
      for (const value of values) {
        const kept = keptOf(value)
        await cache.set('a key: {with} %7D "all" sorts', kept, minuteMs)
        const found = await other.get('a key: {with} %7D "all" sorts')
        assert.deepEqual(found, kept)
        assert.ok(Object.is(found?.value, value) || typeof value === 'object')
      }
    })

    it('gives many in the order of the keys', async () => {
      await Promise.all([1, 2, 3].map((i) => cache.set(`many:${i}`, keptOf(i), minuteMs)))
      const found = await other.getMany(['many:3', 'many:none', 'many:1'])
      assert.deepEqual(
        found.map((kept) => kept?.value),
        [3, undefined, 1],
      )
    })

    it('forgets a value when its time is over, to the millisecond', async () => {
      await cache.set('short', keptOf(1), 400)
      assert.equal((await cache.get('short'))?.value, 1)
      await waitUntil(async () => (await cache.get('short')) === undefined, { what: 'expiry', timeoutMs: waitMs })
    })

    it('does not keep what is too large, and drops what was there before', async () => {
      await cache.set('large', keptOf('small'), minuteMs)
      await cache.set('large', keptOf('x'.repeat(1024 * 1024 + 1)), minuteMs)
      assert.equal(await cache.get('large'), undefined)
    })

    it('does not keep what cannot be written, and says so once', async () => {
      const warnings: string[] = []
      const onWarning = ({ message }: Error) => warnings.push(message)
      process.on('warning', onWarning)
      try {
        const value = { act: () => 1 }
        await cache.set('function', keptOf(1), minuteMs)
        await cache.set('function', keptOf(value), minuteMs)
        assert.equal(await cache.get('function'), undefined)
        assert.equal(await openCache(cache).wrap('acting', { ttl: '1m' }, async () => value), value)
        await waitUntil(() => warnings.length > 0, { what: 'the warning', timeoutMs: waitMs })
      } finally {
        process.off('warning', onWarning)
      }
      assert.equal(warnings.filter((text) => /function is not kept.*a function/.test(text)).length, 1)
    })

    it('one process holds the lease, the others wait, and then find', async () => {
      const held = await lease('claimed')
      assert.deepEqual(await other.claim('claimed', { leaseMs: 5000 }), { outcome: 'wait' })
      assert.equal(await cache.fill(held, keptOf('loaded'), minuteMs), true)
      const found = await other.claim('claimed', { leaseMs: 5000 })
      assert.equal(found.outcome === 'found' && found.kept.value, 'loaded')
      assert.equal(await cache.fill(held, keptOf('again'), minuteMs), false, 'a lease is good once')
    })

    for (const change of ['set', 'delete', 'deletePrefix', 'deleteTag'] as const)
      it(`a load that began before a ${change} does not bring the old value back`, async () => {
        const key = `slow:${change}`
        const held = await lease(key, ['slow-tag'])
        if (change === 'set') await other.set(key, keptOf('new'), minuteMs)
        if (change === 'delete') await other.delete(key)
        if (change === 'deletePrefix') await other.deletePrefix('slow:')
        if (change === 'deleteTag') await other.deleteTag('slow-tag')
        await cache.fill(held, keptOf('old', ['slow-tag']), minuteMs)
        assert.equal((await cache.get(key))?.value, change === 'set' ? 'new' : undefined)
      })

    it('a lease ends with its time, or when it is given up, and can be held on to', async () => {
      const first = await lease('taken')
      await cache.release(first)
      const claim = await cache.claim('taken', { leaseMs: 500 })
      assert.equal(claim.outcome, 'lease')
      const short = (claim as { lease: Lease }).lease
      assert.equal(await cache.extend(short, 1500), true)
      await new Promise((resolve) => setTimeout(resolve, 550))
      assert.equal((await other.claim('taken', { leaseMs: 5000 })).outcome, 'wait')
      const next = await waitUntil(
        async () => {
          const claim = await other.claim('taken', { leaseMs: 5000 })
          return claim.outcome === 'lease' && claim.lease
        },
        { what: 'the end of the lease', timeoutMs: waitMs },
      )
      assert.equal(await cache.fill(short, keptOf('late'), minuteMs), false)
      assert.equal(await cache.extend(short, 5000), false)
      assert.equal(await other.fill(next, keptOf('right'), minuteMs), true)
    })

    for (const isChange of [false, true])
      it(`a change ends the lease of who ${isChange ? 'changes it too' : 'loads'}: nobody fills it before it is over, also if who changes it dies`, async () => {
        const key = `changing:${isChange}`
        const first = await cache.claim(key, { leaseMs: 60_000, isChange })
        assert.equal(first.outcome, 'lease')
        assert.deepEqual(await other.claim(key, { leaseMs: 500, isChange: true }), { outcome: 'wait' })
        assert.equal(await cache.fill((first as { lease: Lease }).lease, keptOf('old'), minuteMs), false)
        assert.equal(await cache.get(key), undefined)
        // Whoever changes it is heard of no more.
        await waitUntil(async () => (await cache.claim(key, { leaseMs: 5000 })).outcome === 'lease', {
          what: 'the end of the lease',
          timeoutMs: waitMs,
        })
      })

    it('a value can be renewed by one process before it ends', async () => {
      await cache.set('renewed', keptOf('old'), minuteMs)
      const claim = await cache.claim('renewed', { leaseMs: 5000, isRefresh: true })
      assert.equal(claim.outcome, 'lease')
      assert.deepEqual(await other.claim('renewed', { leaseMs: 5000, isRefresh: true }), { outcome: 'wait' })
      assert.equal((await other.get('renewed'))?.value, 'old')
    })

    it('deletes by tag whatever has it, on whichever node, and nothing else', async () => {
      for (let i = 0; i < 20; i++) await cache.set(`tagged:${i}`, keptOf(i, i % 2 ? ['odd', 'all'] : ['all']), minuteMs)
      await other.deleteTag('odd')
      const left = await cache.getMany(Array.from({ length: 20 }, (_, i) => `tagged:${i}`))
      assert.deepEqual(
        left.map((kept) => kept?.value),
        Array.from({ length: 20 }, (_, i) => (i % 2 ? undefined : i)),
      )
      await cache.set('tagged:1', keptOf('anew', ['odd']), minuteMs)
      assert.equal((await other.get('tagged:1'))?.value, 'anew')
    })

    it('deletes by prefix, glob characters as themselves, and nothing else', async () => {
      for (const key of ['p[*]?:1', 'p[*]?:2', 'pxx:1', 'q']) await cache.set(key, keptOf(key), minuteMs)
      await other.deletePrefix('p[*]?:')
      const left = await cache.getMany(['p[*]?:1', 'p[*]?:2', 'pxx:1', 'q'])
      assert.deepEqual(
        left.map((kept) => kept?.value),
        [undefined, undefined, 'pxx:1', 'q'],
      )
    })

    it('tells every process of every change, its own, expiry and tags too', async () => {
      const changes: Change[] = []
      const end = other.watch((change) => changes.push(change))
      const heard = (wanted: Change) =>
        waitUntil(() => changes.some((change) => JSON.stringify(change) === JSON.stringify(wanted)), {
          what: JSON.stringify(wanted),
          timeoutMs: waitMs,
        })
      await cache.set('told}:1', keptOf(1), minuteMs)
      await heard({ kind: 'key', key: 'told}:1' })
      await other.set('own', keptOf(1), 30)
      await heard({ kind: 'key', key: 'own' })
      changes.length = 0
      await heard({ kind: 'key', key: 'own' }) // it ended
      await cache.set('told:2', keptOf(1, ['told']), minuteMs)
      changes.length = 0
      await cache.deleteTag('told')
      await heard({ kind: 'tag', tag: 'told' })
      end()
      changes.length = 0
      await cache.delete('told}:1')
      assert.ok(other.coherentUntil > performance.now())
      assert.deepEqual(changes, [])
    })
  })
