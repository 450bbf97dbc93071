// The four strategies: who is asked and written in which order, and what a failure leaves.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openCache } from './cache.ts'
import type { ThroughOptions, WaitingWrite, WriteQueue } from './contract.ts'
import { openMemoryCache } from './engines/memory/engine.ts'

/** Where the truth lies, with its trouble. */
function open(options: Partial<ThroughOptions<string>> = {}) {
  const truth = new Map<string, string>()
  const origin = { loads: 0, stores: 0, fails: false, truth }
  const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }))
  const users = cache.through<string>({
    name: 'user',
    ttl: '5m',
    async load(key) {
      origin.loads++
      return truth.get(key)
    },
    async store(key, value) {
      origin.stores++
      await new Promise((resolve) => setImmediate(resolve))
      if (value === undefined) truth.delete(key)
      else truth.set(key, value)
      if (origin.fails) throw new Error('stored, and the answer was lost')
    },
    ...options,
  })
  return { cache, users, origin }
}

/** The queue's promise in one process: kept until told to drain, in order. */
class HeldWrites implements WriteQueue<string> {
  readonly writes: Array<WaitingWrite<string>> = []

  async append(_name: string, write: WaitingWrite<string>): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.writes.push(write)
  }

  async waiting(_name: string, key: string): Promise<WaitingWrite<string> | undefined> {
    return this.writes.findLast((write) => write.key === key)
  }
}

it('read-through loads once and write-through leaves the new value in both', async () => {
  const { users, origin } = open()
  origin.truth.set('7', 'Ada')
  assert.deepEqual([await users.get('7'), await users.get('7'), origin.loads], ['Ada', 'Ada', 1])
  await users.set('7', 'Bob')
  assert.deepEqual([await users.get('7'), origin.truth.get('7'), origin.loads], ['Bob', 'Bob', 1])
  await users.delete('7')
  assert.deepEqual([await users.get('7'), origin.truth.has('7')], [undefined, false])
})

it('write-around stores and forgets', async () => {
  const { cache, users, origin } = open({ write: 'around' })
  await users.set('7', 'Ada')
  assert.equal(cache.peek('user:7'), undefined)
  assert.deepEqual([await users.get('7'), origin.loads], ['Ada', 1])
})

it('write-back acknowledges what is queued, and reads it before it is stored, cached or not', async () => {
  const writes = new HeldWrites()
  const { cache, users, origin } = open({ write: 'back', writes })
  origin.truth.set('7', 'old')
  await users.set('7', 'new')
  assert.equal(origin.stores, 0)
  assert.equal(await users.get('7'), 'new')
  await cache.delete('user:7')
  assert.equal(await users.get('7'), 'new', 'evicted before it was stored, and still not the old one')
  await users.delete('7')
  assert.equal(await users.get('7'), undefined)
  assert.deepEqual(writes.writes, [
    { key: '7', value: 'new' },
    { key: '7', value: undefined },
  ])
})

it('a write whose answer was lost leaves nothing old in the cache', async () => {
  const { users, origin } = open()
  await users.set('7', 'old')
  origin.fails = true
  await assert.rejects(users.set('7', 'new'), /the answer was lost/)
  assert.equal(await users.get('7'), 'new')
})

it('writes of one key at once end with the same value in the cache and in the truth', async () => {
  const { users, origin } = open()
  await Promise.all(Array.from({ length: 50 }, (_, i) => users.set('7', `value ${i}`)))
  assert.deepEqual([await users.get('7'), origin.truth.get('7')], ['value 49', 'value 49'])
  assert.equal(origin.loads, 0)
})

it('refuses what cannot work', async () => {
  const { cache } = open()
  const readOnly = cache.through<string>({ name: 'word', ttl: '1m', load: async () => 'word' })
  await assert.rejects(readOnly.set('a', 'b'), { code: 'conflict' })
  const load = async () => undefined
  assert.throws(() => cache.through({ name: 'user', ttl: '1m', load, write: 'back' }), { code: 'bad-input' })
  const { users } = open()
  await assert.rejects(users.set('7', undefined as unknown as string), { code: 'bad-input' })
})
