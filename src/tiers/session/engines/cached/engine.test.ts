// The cached engine over a real database and a real Redis: the suite of its tier, and what two web processes see of each
// other, with the store there, slow, dead and hung.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ManualClock, systemClock } from '../../../../base/clock.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { seededRandom } from '../../../../base/random.ts'
import { startTestRedis, type TestRedis } from '../../../../programs/redis/testing.ts'
import { openOver } from '../../../cache/engines/redis/testing.ts'
import type { SharedCacheEngine } from '../../../cache/shared/contract.ts'
import { openDatabase } from '../../../database/database.ts'
import { slotCount, slotOfText } from '../../../database/hash.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import { sessionConformance } from '../../conformance.ts'
import type { SessionEngine } from '../../contract.ts'
import { newSessionId } from '../../cookie.ts'
import { openDatabaseSessions } from '../database/engine.ts'
import { sessionTablesSql } from '../database/testing.ts'
import { openCachedSessions } from './engine.ts'

const idleMs = 600_000
const waitMs = 15_000
const always = () => true

let database: TestDatabase
let redis: TestRedis
let stores: Array<SharedCacheEngine & AsyncDisposable>
/** Of two web processes: the database alone, and with copies. */
let truths: [SessionEngine, SessionEngine]
let engines: [SessionEngine, SessionEngine]

before(async () => {
  database = await startTestDatabase({ sql: await sessionTablesSql() })
  redis = await startTestRedis()
  stores = [await openOver([redis]), await openOver([redis])]
  const routers = [database.router, await database.openRouter()]
  const [one, two] = routers.map((router) =>
    openDatabaseSessions(openDatabase(router), { slotOf: slotOfText, slotCount }),
  )
  truths = [one, two] as [SessionEngine, SessionEngine]
  engines = truths.map((truth, i) => openCachedSessions(truth, storeOf(i), always)) as [SessionEngine, SessionEngine]
})

after(async () => {
  for (const store of stores) await store.close()
  await redis.stop()
  await database.stop()
})

const storeOf = (i: number) => stores[i] as SharedCacheEngine
const keyOf = (id: string) => `tenfold-session:${id}`
const fieldsOf = async (engine: SessionEngine, id: string) => (await engine.load(id))?.fields

sessionConformance('cached', { engine: () => engines[0] })

describe('sessions with a copy in the shared cache', () => {
  it('are read from the copy, and from the database once it is over', async () => {
    const clock = new ManualClock(Date.now())
    const engine = openCachedSessions(truths[0], storeOf(0), always, { clock })
    const id = newSessionId()
    await engine.create(id, { n: 1 }, idleMs)
    await untilCopied(engine, id)
    await truths[0].merge(id, { n: 2 }, idleMs) // as one who tells nobody
    assert.deepEqual(await fieldsOf(engine, id), { n: 1 })
    await clock.advance(59_000)
    const late = await engine.load(id)
    assert.deepEqual(late?.fields, { n: 1 })
    assert.ok((late?.idleLeftMs ?? 0) <= idleMs - 59_000, 'idle time runs on in a copy')
    await clock.advance(1_001)
    assert.deepEqual(await fieldsOf(engine, id), { n: 2 })
  })

  it('end with their idle time, also as a copy', async () => {
    const clock = new ManualClock(Date.now())
    const engine = openCachedSessions(truths[0], storeOf(0), always, { clock })
    const id = newSessionId()
    await engine.create(id, { n: 1 }, 10_000)
    await untilCopied(engine, id)
    await truths[0].destroy(id)
    assert.deepEqual(await fieldsOf(engine, id), { n: 1 })
    await clock.advance(10_001)
    assert.equal(await fieldsOf(engine, id), undefined)
  })

  it('one process sees what another wrote at the very next read', async () => {
    const id = newSessionId()
    await engines[0].create(id, { n: 0 }, idleMs)
    for (let n = 1; n <= 200; n++) {
      const [writer, reader] = n % 2 ? engines : [engines[1], engines[0]]
      // Both have read, so that there is a copy to be forgotten.
      await Promise.all([writer.load(id), reader.load(id)])
      assert.equal(await writer.merge(id, { n }, idleMs), true)
      assert.deepEqual(await fieldsOf(reader, id), { n })
    }
    await engines[0].load(id)
    await engines[1].destroy(id)
    assert.equal(await fieldsOf(engines[0], id), undefined)
    assert.equal(await engines[0].merge(id, { n: 0 }, idleMs), false)
  })

  it('a load that is slow brings back neither a logout nor an old field', async () => {
    for (const change of ['destroy', 'merge'] as const) {
      const [slow, gate, isHeld] = slowed(truths[0])
      const reader = openCachedSessions(slow, storeOf(0), always)
      const id = newSessionId()
      await engines[1].create(id, { role: 'admin' }, idleMs)
      const reading = reader.load(id)
      await isHeld
      if (change === 'destroy') await engines[1].destroy(id)
      else await engines[1].merge(id, { role: 'guest' }, idleMs)
      gate()
      await reading // what it read is old, and was true when it began
      const expected = change === 'destroy' ? undefined : { role: 'guest' }
      for (const engine of [reader, ...engines]) assert.deepEqual(await fieldsOf(engine, id), expected)
    }
  })

  it('whoever asks after an answer reads no less than it, whatever loads and writes run beside', async (t) => {
    const seed = Date.now()
    t.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    // Answers of the database that come late, so that many loads are old when they are to be kept.
    const late = truths.map((truth, i) => {
      const load: SessionEngine['load'] = async (id, options) => {
        const stored = await truth.load(id, options)
        if (random.next() < 0.5) await systemClock.sleep(random.next() * 20)
        return stored
      }
      return openCachedSessions({ ...truth, load }, storeOf(i), always)
    })
    const id = newSessionId()
    await engines[0].create(id, { n: 0 }, idleMs)
    let answered = 0
    let isOver = false
    const write = async () => {
      for (let n = 1; n <= 150; n++) {
        assert.equal(await (late[n % 2] as SessionEngine).merge(id, { n }, idleMs), true)
        answered = n
        if (random.next() < 0.3) await systemClock.sleep(random.next() * 10)
      }
      await engines[1].destroy(id)
      answered = Number.POSITIVE_INFINITY
      for (const engine of late) for (let i = 0; i < 20; i++) assert.equal(await engine.load(id), undefined)
      isOver = true
    }
    let copies = 0
    const read = async (engine: SessionEngine) => {
      while (!isOver) {
        const atLeast = answered
        const fields = await fieldsOf(engine, id)
        const n = fields === undefined ? Number.POSITIVE_INFINITY : (fields['n'] as number)
        assert.ok(n >= atLeast, `read ${n} after ${atLeast} was answered`)
        if (random.next() < 0.2 && (await storeOf(0).get(keyOf(id)))) copies++
      }
    }
    await Promise.all([write(), ...late.flatMap((engine) => [read(engine), read(engine), read(engine)])])
    assert.ok(copies > 0, 'there were copies to be old')
  })

  it('a copy is made of the newest there is, not of what a replica has', async () => {
    const asked: unknown[] = []
    const truth: SessionEngine = {
      ...truths[0],
      load(id, options) {
        asked.push(options?.isNewest)
        return truths[0].load(id, options)
      },
    }
    const engine = openCachedSessions(truth, storeOf(0), always)
    const id = newSessionId()
    await engine.create(id, { n: 1 }, idleMs)
    await untilCopied(engine, id)
    assert.equal(asked[0], true)
  })

  it('who does not wait for the copy that another one makes reads no less than it', async () => {
    const asked: unknown[] = []
    const truth: SessionEngine = {
      ...truths[0],
      load(id, options) {
        asked.push(options?.isNewest)
        return truths[0].load(id, options)
      },
    }
    const id = newSessionId()
    await truths[0].create(id, { n: 1 }, idleMs)
    const claim = await storeOf(1).claim(keyOf(id), { leaseMs: 10_000 })
    assert.equal(claim.outcome, 'lease')
    assert.deepEqual(await fieldsOf(openCachedSessions(truth, storeOf(0), always), id), { n: 1 })
    assert.deepEqual(asked, [true])
  })

  it('50 writers in two processes, and readers beside them, keep all 50 fields', async () => {
    const id = newSessionId()
    await engines[0].create(id, {}, idleMs)
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await engines[(i % 2) as 0 | 1].load(id)
        await engines[((i + 1) % 2) as 0 | 1].merge(id, { [`field${i}`]: i }, idleMs)
      }),
    )
    const expected = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`field${i}`, i]))
    for (const engine of engines) assert.deepEqual(await fieldsOf(engine, id), expected)
  })

  it('a process that does not read copies forgets them all the same', async () => {
    let isReading = false
    const engine = openCachedSessions(truths[0], storeOf(0), () => isReading)
    const id = newSessionId()
    await engine.create(id, { n: 1 }, idleMs)
    await untilCopied(engines[1], id)
    await engine.merge(id, { n: 2 }, idleMs)
    assert.deepEqual(await fieldsOf(engines[1], id), { n: 2 })
    await untilCopied(engines[1], id)
    await truths[0].merge(id, { n: 3 }, idleMs)
    assert.deepEqual(await fieldsOf(engine, id), { n: 3 })
    isReading = true
    assert.deepEqual(await fieldsOf(engine, id), { n: 2 }, 'from now on it reads them')
  })

  it('what lies at its place and is no copy is not believed', async () => {
    const id = newSessionId()
    await engines[0].create(id, { n: 1 }, idleMs)
    const freshUntil = Date.now() + 60_000
    for (const value of [null, 'text', { fields: { n: 9 } }, { endsAt: freshUntil }]) {
      await storeOf(0).set(keyOf(id), { value, freshUntil, calmUntil: freshUntil, loadMs: 0, tags: [] }, 60_000)
      assert.deepEqual(await fieldsOf(engines[1], id), { n: 1 })
    }
  })

  it('nobody is logged out and nothing fails while the store hangs, is dead, and is back', async () => {
    await using server = await startTestRedis()
    await using oneStore = await openOver([server], { limits: {} })
    await using twoStore = await openOver([server], { limits: {} })
    const one = openCachedSessions(truths[0], oneStore, always)
    const two = openCachedSessions(truths[1], twoStore, always)
    const ids = Array.from({ length: 20 }, newSessionId)
    await Promise.all(ids.map((id) => one.create(id, { userId: '7', n: 0 }, idleMs)))
    const useAll = async (n: number) => {
      for (const id of ids) {
        const [writer, reader] = n % 2 ? [one, two] : [two, one]
        assert.equal((await fieldsOf(reader, id))?.['userId'], '7')
        assert.equal(await writer.merge(id, { n }, idleMs), true)
        assert.deepEqual(await fieldsOf(writer, id), { userId: '7', n })
      }
    }
    await useAll(1)
    server.signal('SIGSTOP')
    await useAll(2)
    const [last, ...others] = ids as [string, ...string[]]
    await one.destroy(last)
    assert.equal(await fieldsOf(one, last), undefined)
    server.signal('SIGCONT')
    const isGone = async () => (await fieldsOf(two, last)) === undefined
    await waitUntil(isGone, { what: 'the logout in the other process', timeoutMs: waitMs })
    ids.splice(0, ids.length, ...others)
    await server.kill()
    await useAll(3)
    await server.start()
    await useAll(4)
    await untilCopied(one, ids[0] as string, oneStore)
    await useAll(5)
  })
})

/** A call may be a miss where the machine is slow: it is read until it is kept. */
async function untilCopied(engine: SessionEngine, id: string, store = storeOf(0)): Promise<void> {
  const isCopied = async () => {
    await engine.load(id)
    return (await store.get(keyOf(id))) !== undefined
  }
  await waitUntil(isCopied, { what: 'a copy', timeoutMs: waitMs })
}

/** Its first load has its answer and does not hand it out until told to. */
function slowed(truth: SessionEngine): [SessionEngine, open: () => void, isHeld: Promise<void>] {
  const gate = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const slow: SessionEngine = {
    ...truth,
    async load(id, options) {
      const stored = await truth.load(id, options)
      held.resolve()
      await gate.promise
      return stored
    },
  }
  return [slow, gate.resolve, held.promise]
}
