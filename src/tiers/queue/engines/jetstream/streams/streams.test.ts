// Streams over a real NATS server: the suite of the tier, servers that are gone and that forget, the way there and back.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { JetStreamManager } from '@nats-io/jetstream'
import { waitUntil } from '../../../../../base/limits.ts'
import { loadNatsClient } from '../../../../../programs/nats/client.ts'
import { startTestNats, type TestNats } from '../../../../../programs/nats/testing.ts'
import { startTestDatabase, type TestDatabase } from '../../../../database/testing.ts'
import { streamConformance } from '../../../streams/conformance.ts'
import type { EntryHandler, HeldLane, StreamEngine } from '../../../streams/contract.ts'
import { StreamTier } from '../../../streams/streams.ts'
import { openPostgresStreams } from '../../postgres/streams/engine.ts'
import { queueSql } from '../../postgres/testing.ts'
import { WakeUps } from '../../postgres/wake-ups.ts'
import { loadJetStreamClient } from '../client.ts'
import { openJetStreamStreams } from './engine.ts'

const log = { info() {}, warn() {}, error() {} }
const timeoutMs = 60_000

let database: TestDatabase
let nats: TestNats
let wakeUps: WakeUps
let engine: StreamEngine
let watch: { close(): Promise<void> }

/** Entries that readers were given out of PostgreSQL, by stream. */
const fromPostgres = new Map<string, number>()

function openPostgres(): StreamEngine {
  const postgres = openPostgresStreams(() => database.db.shards(), { wakeUps })
  return {
    ...postgres,
    async read(lane, request) {
      const answer = await postgres.read(lane, request)
      if (answer !== 'lost' && lane.group !== '$relay')
        fromPostgres.set(lane.stream, (fromPostgres.get(lane.stream) ?? 0) + answer.entries.length)
      return answer
    },
  }
}

const open = (node: string) =>
  openJetStreamStreams({
    servers: [nats],
    username: 'app',
    password: nats.secrets.app,
    postgres: openPostgres(),
    replicas: 1,
    node,
    log,
  })

const entryOf = (stream: string, payload: object) => ({
  ...{ stream, body: JSON.stringify(payload), key: undefined, trace: undefined },
})

const append = (stream: string, from: number, count: number) =>
  engine.append(Array.from({ length: count }, (_, i) => entryOf(stream, { n: from + i })))

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

function readInto(seen: unknown[]): EntryHandler {
  return async (entries) => {
    for (const { payload } of entries) seen.push(payload['n'])
  }
}

/** Appends and reads until what comes is from the server: the lane is followed. Answers how many entries there are by then. */
async function untilFollowed(stream: string, seen: unknown[], from = 0): Promise<number> {
  let count = from
  await waitUntil(
    async () => {
      const before = fromPostgres.get(stream) ?? 0
      await append(stream, count++, 1)
      await waitUntil(() => seen.length >= count, { what: 'an entry', timeoutMs })
      return (fromPostgres.get(stream) ?? 0) === before
    },
    { what: 'an entry from the server', timeoutMs },
  )
  return count
}

/** Runs `work` while a tier reads the stream for group g. */
async function withReader(
  stream: string,
  handler: EntryHandler,
  work: (tier: StreamTier) => Promise<void>,
): Promise<void> {
  const tier = new StreamTier(engine, { log })
  tier.streams.consume(stream, { group: 'g', from: 'start', batchMax: 50 }, handler)
  tier.startReaders()
  try {
    await work(tier)
  } finally {
    await tier.stopReaders(timeoutMs)
  }
}

async function manage(work: (manager: JetStreamManager) => Promise<void>): Promise<void> {
  const [client, jetstream] = await Promise.all([loadNatsClient(), loadJetStreamClient()])
  const connection = await client.connect({
    servers: `${nats.address}:${nats.port}`,
    user: 'app',
    pass: nats.secrets.app,
  })
  await work(await jetstream.jetstreamManager(connection))
  await connection.close()
}

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  // Room for many copies, and not for two of the size that one may come to have.
  nats = await startTestNats({ storeBytesMax: 1900 * 1024 ** 2 })
  const listen = { map: database.map, password: database.server.secrets.app, node: 'r/worker-1' }
  wakeUps = new WakeUps(() => database.db.shards(), listen)
  engine = await open('r/worker-1')
  // As in a worker: its relay runs.
  watch = engine.watch(() => {})
})

after(async () => {
  await watch?.close()
  await engine?.close()
  await wakeUps?.close()
  await nats?.stop()
  await database?.stop()
})

streamConformance('jetstream', {
  engine: () => engine,
  transaction: (work) => database.db.slot(3).transaction(work),
})

describe('streams over JetStream', () => {
  it('a reader that keeps up is fed by the server, and one that goes back is too', async () => {
    const stream = 'fed'
    const seen: unknown[] = []
    await withReader(stream, readInto(seen), async (tier) => {
      const count = (await untilFollowed(stream, seen)) + 3000
      await append(stream, count - 3000, 3000)
      await waitUntil(() => seen.length >= count, { what: 'all entries', timeoutMs })
      const before = fromPostgres.get(stream) ?? 0
      await tier.streams.rewind(stream, 'g', { at: new Date(0) })
      await waitUntil(() => seen.length >= 2 * count, { what: 'all entries again', timeoutMs })
      assert.deepEqual(seen, [...range(0, count), ...range(0, count)])
      assert.ok((fromPostgres.get(stream) ?? 0) - before < count, 'some came from the server')
    })
  })

  it('a copy is given room as it fills, while the server keeps enough for jobs; one that was made large gives room back', async () => {
    const stream = 'sized'
    const name = `tenfold-stream-${stream}`
    const mebibyte = 1024 ** 2
    const seen: unknown[] = []
    const text = 'x'.repeat(200 * 1024)
    await withReader(stream, readInto(seen), async () => {
      let count = await untilFollowed(stream, seen)
      await manage(async ({ streams }) => {
        const room = async () => (await streams.info(name)).config.max_bytes / mebibyte
        const isOnServer = async (bytes: number) => (await streams.info(name)).state.bytes >= bytes
        const grow = async (entries: number) => {
          for (let n = 0; n < entries; n++) await engine.append([entryOf(stream, { n: count++, text })])
        }
        assert.equal(await room(), 16)
        await streams.update(name, { max_bytes: 512 * mebibyte })
        await grow(12)
        await waitUntil(async () => (await room()) === 16, { what: 'room given back', timeoutMs })
        const others = `${name}-others`
        await streams.add({ name: others, subjects: [others], max_bytes: 800 * mebibyte })
        await grow(50)
        await waitUntil(() => isOnServer(12 * mebibyte), { what: 'more than half of its room taken', timeoutMs })
        assert.equal(await room(), 16)
        await streams.delete(others)
        await grow(12)
        await waitUntil(async () => (await room()) === 32, { what: 'more room', timeoutMs })
      })
      await waitUntil(() => seen.length >= count, { what: 'all entries', timeoutMs })
      assert.deepEqual(seen, range(0, count))
    })
  })

  it('what the server has lost is read from PostgreSQL, in its place', async () => {
    const stream = 'forgetful'
    const name = `tenfold-stream-${stream}`
    const seen: unknown[] = []
    let gate: PromiseWithResolvers<void> | undefined
    const handler: EntryHandler = async (entries, context) => {
      await gate?.promise
      await readInto(seen)(entries, context)
    }
    await withReader(stream, handler, async () => {
      let count = await untilFollowed(stream, seen)
      for (const forgets of ['some', 'all', 'the stream'] as const) {
        gate = Promise.withResolvers<void>()
        // More than a feed holds, so that the server has to be asked for what it does not have any more.
        await append(stream, count, 2500)
        count += 2500
        await manage(async (manager) => {
          const last = () =>
            manager.streams.info(name).then(
              ({ state }) => state.last_seq,
              () => 0,
            )
          const first = await last()
          await waitUntil(async () => (await last()) >= first + 1500, { what: 'much of it on the server', timeoutMs })
          if (forgets === 'the stream') await manager.streams.delete(name)
          else if (forgets === 'all') await manager.streams.purge(name)
          else for (const ahead of [1, 2, 5, 600, 1200, 1201]) await manager.streams.deleteMessage(name, first + ahead)
        })
        gate.resolve()
        await waitUntil(() => seen.length >= count, {
          what: `all entries when the server forgot ${forgets}`,
          timeoutMs,
        })
        assert.deepEqual(seen, range(0, count))
      }
      count = await untilFollowed(stream, seen, count)
      assert.deepEqual(seen, range(0, count))
    })
  })

  it('while the server is gone, entries are appended and read all the same, and afterwards as before', async () => {
    const stream = 'gone'
    const seen: unknown[] = []
    await withReader(stream, readInto(seen), async () => {
      let count = await untilFollowed(stream, seen)
      await nats.kill()
      for (let i = 0; i < 20; i++) await append(stream, count++, 1)
      await waitUntil(() => seen.length >= count, { what: 'all entries without a server', timeoutMs })
      await nats.start()
      await nats.healthy()
      count = await untilFollowed(stream, seen, count)
      assert.deepEqual(seen, range(0, count))
    })
  })

  it('a group goes over to the server and back with its place and its order, while entries are appended both ways', async () => {
    const stream = 'climb'
    const seen: unknown[] = []
    let next = 0
    let isOver = false
    const openTier = (its: StreamEngine) => {
      const tier = new StreamTier(its, { log })
      tier.streams.consume(stream, { group: 'g', from: 'start', batchMax: 10, leaseMs: 2000 }, readInto(seen))
      tier.startReaders()
      return tier
    }
    const plain = openPostgres()
    let tier = openTier(plain)
    let beside: StreamTier | undefined
    const appending = (async () => {
      while (!isOver) {
        const through = next % 2 === 0 ? tier : (beside ?? tier)
        const payload = { n: next }
        if (next % 3 === 0) await database.db.slot(3).transaction((tx) => through.in(tx).append(stream, payload))
        else await through.streams.stream(stream).append(payload)
        next++
      }
    })()
    const goOver = async (to: StreamEngine) => {
      const until = next + 50
      await waitUntil(() => next >= until && seen.length >= until, { what: 'entries', timeoutMs })
      beside = openTier(to)
      const both = next + 50
      await waitUntil(() => next >= both, { what: 'entries of both', timeoutMs })
      const before = tier
      tier = beside
      beside = undefined
      await before.stopReaders(timeoutMs)
      const alone = next + 50
      await waitUntil(() => next >= alone && seen.length >= alone, { what: 'entries of the new one', timeoutMs })
    }
    try {
      await goOver(engine)
      await goOver(plain)
    } finally {
      isOver = true
    }
    await appending
    await waitUntil(() => seen.length >= next, { what: 'all entries', timeoutMs }).finally(() =>
      tier.stopReaders(timeoutMs),
    )
    assert.deepEqual(seen, range(0, next))
  })

  it('a lane that is lost is not fed any more', async () => {
    const stream = 'lost'
    await append(stream, 0, 10)
    const request = { stream, group: 'g', leaseMs: 50, from: 'start' as const }
    const { lanes } = await engine.hold({ ...request, holder: 'one#1' })
    const lane = lanes[0] as HeldLane
    await waitUntil(async () => (await engine.hold({ ...request, holder: 'two#1' })).lanes[0], {
      what: 'the end of a lease',
      timeoutMs,
    })
    assert.equal(await engine.read(lane, { max: 10 }), 'lost')
  })
})
