// Write-back over the database: what was acknowledged is stored, in order for each key, whatever fails or is killed.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { openDatabase } from '../../../database/database.ts'
import { slotCount, slotOfText } from '../../../database/hash.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { openCache } from '../../cache.ts'
import type { ThroughOptions } from '../../contract.ts'
import type { WriteEngine } from '../../write-back/contract.ts'
import type { WriteBackLimits } from '../../write-back/options.ts'
import { WriteBackTier } from '../../write-back/write-back.ts'
import { openMemoryCache } from '../memory/engine.ts'
import { databaseCacheMigrations } from './guards.ts'
import { environmentOf } from './testing/process.ts'
import { type Stored, startStorer } from './testing/stored.ts'
import { openDatabaseWrites } from './writes.ts'

const timeoutMs = 20_000
const log = { warn() {}, error() {} }

describe('write-back in the database', () => {
  let database: TestDatabase
  let engine: WriteEngine
  /** The same writes, as another process sees them. */
  let other: WriteEngine

  before(async () => {
    const sql = await readFile(join(databaseCacheMigrations, '0002-writes.sql'), 'utf8')
    database = await startTestDatabase({ sql })
    const slots = { slotOf: slotOfText, slotCount }
    engine = openDatabaseWrites(database.db, { ...slots, keysPerSlotMax: 20 })
    other = openDatabaseWrites(openDatabase(await database.openRouter()), slots)
  })

  after(() => database?.stop())

  const isEmpty = async (name: string, keys: readonly string[]) =>
    (await Promise.all(keys.map((key) => other.waiting(name, key)))).every((write) => write === undefined)

  /** A process with a cache, and where the truth lies. Stops at the end of `work`. */
  async function withTier(
    work: (parts: { tier: WriteBackTier; open(options?: Partial<ThroughOptions<unknown>>): Opened }) => Promise<void>,
    limits: Partial<WriteBackLimits> = {},
  ): Promise<void> {
    const tier = new WriteBackTier(engine, { log, limits: { backoff: { baseMs: 5, capMs: 50 }, ...limits } })
    const cache = openCache(openMemoryCache({ bytesMax: 1_000_000 }), { writeBack: tier })
    const open = (options: Partial<ThroughOptions<unknown>> = {}): Opened => {
      const name = `n${Math.random()}`
      const stored: Opened['stored'] = []
      const store: ThroughOptions<unknown>['store'] = async (key, value) => {
        stored.push({ key, value })
      }
      const load = async () => 'old'
      const things = cache.through<unknown>({ name, ttl: '1m', write: 'back', load, store, ...options })
      return { name, things, stored, forget: (key) => cache.delete(`${name}:${key}`) }
    }
    try {
      await work({ tier, open })
    } finally {
      await tier.stop(timeoutMs)
    }
  }

  interface Opened {
    name: string
    things: ReturnType<ReturnType<typeof openCache>['through']>
    stored: Array<{ key: string; value: unknown }>
    forget(key: string): Promise<void>
  }

  it('acknowledges, shows what waits to every process, and stores it later, values of every kind', async () => {
    const values = { text: 'é', date: new Date(7), map: new Map([[1, { big: 7n }]]), gone: undefined, json: [1, null] }
    await withTier(async ({ tier, open }) => {
      const { name, things, stored, forget } = open()
      for (const [key, value] of Object.entries(values))
        await (value === undefined ? things.delete(key) : things.set(key, value))
      for (const [key, value] of Object.entries(values)) {
        assert.deepEqual(await other.waiting(name, key), { key, value })
        await forget(key)
        assert.deepEqual(await things.get(key), value, 'not the old one')
      }
      assert.deepEqual(stored, [])
      tier.start()
      await waitUntil(() => isEmpty(name, Object.keys(values)), { what: 'the stores', timeoutMs })
      assert.deepEqual(Object.fromEntries(stored.map(({ key, value }) => [key, value])), values)
    })
  })

  it('stores of many writes of one key the last, and none after a newer one', async () => {
    await withTier(async ({ tier, open }) => {
      const begun: number[] = []
      let isStoring = false
      const { name, things } = open({
        async store(_, value) {
          assert.equal(isStoring, false, 'one after the other')
          isStoring = true
          begun.push(value as number)
          await new Promise((resolve) => setTimeout(resolve, 3))
          isStoring = false
        },
      })
      tier.start()
      for (let i = 1; i <= 100; i++) await things.set('key', i)
      await waitUntil(() => isEmpty(name, ['key']), { what: 'the last store', timeoutMs })
      assert.equal(begun.at(-1), 100)
      assert.deepEqual(
        begun,
        begun.toSorted((a, b) => a - b),
      )
    })
  })

  it('a key whose store fails or hangs holds up no other, and is stored when it can be', async () => {
    const limits = { concurrency: 2, storeMsMax: 100, storeGraceMs: 50, leaseMs: 600 }
    await withTier(async ({ tier, open }) => {
      let isDown = true
      const stored = new Set<string>()
      const tries = new Map<string, number>()
      const { name, things } = open({
        async store(key, _, write) {
          assert.ok(write)
          tries.set(key, write.attempt)
          if (key === 'fails' && isDown) throw new Error('down')
          if (key === 'hangs' && isDown)
            await new Promise((_, reject) => write.signal.addEventListener('abort', () => reject(write.signal.reason)))
          if (key === 'deaf' && write.attempt === 1) await new Promise(() => {})
          stored.add(key)
        },
      })
      tier.start()
      const bad = ['fails', 'hangs', 'deaf']
      const good = Array.from({ length: 20 }, (_, i) => `good ${i}`)
      for (const key of [...bad, ...good]) await things.set(key, 1)
      await waitUntil(() => good.every((key) => stored.has(key)), { what: 'the others', timeoutMs })
      await waitUntil(() => ['fails', 'hangs'].every((key) => (tries.get(key) ?? 0) > 2), { what: 'tries', timeoutMs })
      const [depth] = await tier.depth()
      assert.ok(depth && depth.name === name && depth.waiting >= 2 && depth.failing >= 2 && depth.oldestMs > 0)
      isDown = false
      await waitUntil(() => isEmpty(name, [...bad, ...good]), { what: 'all', timeoutMs })
      assert.deepEqual(await tier.depth(), [{ name, waiting: 0, failing: 0, oldestMs: 0 }])
      assert.equal(stored.size, bad.length + good.length)
    }, limits)
  })

  it('a stopped process lets its stores end, and leaves the rest to the next one', async () => {
    const gate = Promise.withResolvers<void>()
    let name = ''
    await withTier(async ({ tier, open }) => {
      let begun = 0
      const { name: own, things } = open({
        async store() {
          begun++
          await gate.promise
        },
      })
      name = own
      tier.start()
      await things.set('first', 1)
      await waitUntil(() => begun === 1, { what: 'a store', timeoutMs })
      const stopping = tier.stop(timeoutMs)
      await things.set('second', 1)
      gate.resolve()
      await stopping
      assert.deepEqual([begun, tier.inFlight, await isEmpty(name, ['first'])], [1, 0, true])
    })
    await withTier(async ({ tier, open }) => {
      open({ name })
      tier.start()
      await waitUntil(() => isEmpty(name, ['second']), { what: 'the next process', timeoutMs })
    })
  })

  it('who lost the lease can change nothing, and a newer write that came meanwhile waits on', async () => {
    await engine.append('lease', { key: 'k', value: 1 })
    const late = await engine.take('lease', 'k', 20)
    assert.ok(late)
    const next = await waitUntil(() => other.take('lease', 'k', 60_000), { what: 'the end of a lease', timeoutMs })
    assert.deepEqual([next.value, next.attempt, next.version], [1, 2, late.version])
    assert.equal(await engine.extend(late, 1000), false)
    assert.equal(await engine.done(late), false)
    await engine.retry(late, 0, 'late')
    assert.equal(await engine.take('lease', 'k', 1000), undefined)
    await engine.append('lease', { key: 'k', value: 2 })
    assert.equal(await engine.take('lease', 'k', 1000), undefined, 'not while the older one is out')
    assert.equal(await other.done(next), true)
    const newer = await engine.take('lease', 'k', 1000)
    assert.ok(newer && newer.value === 2 && newer.version > next.version && newer.attempt === 1)
    assert.equal(await engine.done(newer), false)
    assert.equal(await other.waiting('lease', 'k'), undefined)
  })

  it('refuses more keys than may wait, and never a newer write of one that does', async () => {
    const keys = Array.from({ length: 3000 }, (_, i) => `k${i}`).filter((key) => slotOfText(key) === 5)
    const [first = '', ...rest] = keys.slice(0, 21)
    for (const key of [first, ...rest.slice(0, 19)]) await engine.append('full', { key, value: 1 })
    await assert.rejects(engine.append('full', { key: rest[19] ?? '', value: 1 }), { code: 'overloaded' })
    await engine.append('full', { key: first, value: 2 })
    await engine.append('another', { key: rest[19] ?? '', value: 1 })
    assert.equal((await engine.waiting('full', first))?.value, 2)
    assert.equal((await engine.due('full', 7)).length, 7)
    await assert.rejects(engine.append('full', { key: first, value: 'x'.repeat(2 ** 20 + 1) }), { code: 'too-large' })
    await assert.rejects(engine.append('full', { key: 'nul \0', value: 1 }), { code: 'bad-input' })
    await assert.rejects(engine.append('full', { key: '\ud800', value: 1 }), { code: 'bad-input' })
  })

  it('is opened once for each name, and needs a queue', async () => {
    await withTier(async ({ open }) => {
      const { name } = open()
      assert.throws(() => open({ name }), { code: 'conflict' })
    })
    const cache = openCache(openMemoryCache({ bytesMax: 1000 }))
    const options = { name: 'none', ttl: '1m', write: 'back', load: async () => 1, store: async () => {} } as const
    assert.throws(
      () => cache.through(options),
      (error) => error instanceof TenfoldError && error.code === 'bad-input',
    )
  })

  it('loses nothing and keeps the order of each key while connections are cut, whoever was asking what', async (t) => {
    const truth = new Map<string, number[]>()
    const store = async (key: string, value: unknown) => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      const stored = truth.get(key) ?? []
      truth.set(key, stored)
      stored.push(value as number)
    }
    const tiers = [engine, other].map((each) => new WriteBackTier(each, { log, limits: { leaseMs: 500 } }))
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
    const acknowledged = new Map<string, number>()
    let asked = 0
    let isOver = false
    const cutting = (async () => {
      let cut = 0
      while (!isOver) {
        const victims = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' AND random() < 0.3`
        cut += (await database.server.admin.query(victims)).length
        await new Promise((resolve) => setTimeout(resolve, 40))
      }
      return cut
    })()
    try {
      for (const tier of tiers) {
        tier.handle('cut', store)
        tier.start()
      }
      const write = async (key: string, i: number) => {
        for (let round = 0; round < 25; round++) {
          const value = ++asked
          const isKept = await (tiers[(round + i) % 2] as WriteBackTier).queue.append('cut', { key, value }).then(
            () => true,
            () => false, // nobody knows whether it was
          )
          if (isKept) acknowledged.set(key, value)
        }
      }
      await Promise.all(keys.map(write))
      isOver = true
      t.diagnostic(`${await cutting} connections were cut`)
      await waitUntil(() => isEmpty('cut', keys), { what: 'all stores', timeoutMs })
    } finally {
      isOver = true
      await cutting.catch(() => {}) // told above
      for (const tier of tiers) await tier.stop(timeoutMs)
    }
    for (const key of keys) {
      const stored = truth.get(key) ?? []
      assert.deepEqual(
        stored,
        stored.toSorted((a, b) => a - b),
        key,
      )
      assert.ok((stored.at(-1) ?? 0) >= (acknowledged.get(key) ?? 0), key)
    }
    assert.ok(acknowledged.size === keys.length)
  })

  it('kill -9 of a process in the middle of a store loses nothing: another one stores all, in order for each key', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tenfold-writes-'))
    const file = join(dir, 'stored')
    const lines = async (): Promise<Stored[]> => {
      const text = await readFile(file, 'utf8').catch(() => '')
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    }
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`)
    const rounds = 6
    const stuckAfter = 12
    const start = (env = {}) => startStorer({ ...environmentOf(database), NAME: 'killed', FILE: file, ...env })
    const storers = [start({ STUCK_AFTER: String(stuckAfter) })]
    const victim = storers[0]?.pid
    const beginsOf = async (isOne: (pid: number) => boolean) =>
      (await lines()).filter(({ pid, event }) => event === 'begin' && isOne(pid)).length
    const write = (round: number) =>
      Promise.all(keys.map((key) => engine.append('killed', { key, value: `${key} ${round}` })))
    try {
      await write(1)
      const isStuck = async () => (await beginsOf((pid) => pid === victim)) > stuckAfter
      await waitUntil(isStuck, { what: 'a store under way', timeoutMs })
      storers.push(start())
      await waitUntil(async () => (await beginsOf((pid) => pid !== victim)) > 0, {
        what: 'another process at work',
        timeoutMs,
      })
      for (let round = 2; round < rounds; round++) await write(round)
      await storers[0]?.kill()
      await write(rounds)
      for (const key of keys.slice(0, 10)) await engine.append('killed', { key, value: `${key} last` })
      await waitUntil(() => isEmpty('killed', keys), { what: 'all stores', timeoutMs, intervalMs: 50 })
      const all = await lines()
      const cutOff = new Set<string>()
      for (const key of keys) {
        let last = 0
        let open: Stored | undefined
        for (const line of all.filter((line) => line.key === key)) {
          assert.ok(line.version >= last, `${key}: ${line.version} after ${last}`)
          last = line.version
          if (line.event === 'begin') {
            if (open) {
              assert.equal(open.pid, victim, `two stores of ${key} at once`)
              cutOff.add(key)
            }
            open = line
          } else open = undefined
        }
        const { value, event } = all.findLast((line) => line.key === key) as Stored
        assert.deepEqual([value, event], [keys.indexOf(key) < 10 ? `${key} last` : `${key} ${rounds}`, 'end'])
      }
      assert.ok(cutOff.size > 0, 'no store was cut off')
    } finally {
      for (const storer of storers) await storer.kill()
      await rm(dir, { recursive: true, force: true })
    }
  })
})
