// Streams in PostgreSQL: the suite of the tier, a promoted replica, and buckets that are let go of.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CompiledQuery } from 'kysely'
import { waitUntil } from '../../../../../base/limits.ts'
import { startTestReplica } from '../../../../../programs/postgres/testing.ts'
import type { ShardDatabase } from '../../../../database/contract.ts'
import { startTestDatabase, type TestDatabase } from '../../../../database/testing.ts'
import { streamConformance } from '../../../streams/conformance.ts'
import type { StreamEngine } from '../../../streams/contract.ts'
import { StreamTier } from '../../../streams/streams.ts'
import { queueSql } from '../testing.ts'
import { WakeUps } from '../wake-ups.ts'
import { openPostgresStreams } from './engine.ts'
import { bucketsPerRing } from './rings.ts'
import { readStatement } from './statements.ts'

let database: TestDatabase
let engine: StreamEngine

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  engine = openPostgresStreams(() => database.db.shards())
})

after(() => database.stop())

streamConformance('postgres', {
  engine: () => engine,
  transaction: (work) => database.db.slot(3).transaction(work),
})

describe('streams of PostgreSQL', () => {
  it('lets go of a bucket when all in it is older than is kept, and of no other', async () => {
    const shard = database.db.shards()[0] as ShardDatabase
    await engine.define('short', { keepMs: 3_600_000 })
    const fill = (bucket: number, age: string) =>
      shard.query(
        `insert into tenfold.stream_entries (bucket, stream, partition, body, at) values ($1, 'short', 0, '{}', now() - $2::interval)`,
        [bucket, age],
      )
    const filled = async () => {
      const rows = await shard.query<{ bucket: number }>(
        `select distinct bucket from tenfold.stream_entries where stream = 'short' order by bucket`,
      )
      return rows.map(({ bucket }) => bucket)
    }
    await engine.append([{ stream: 'short', body: '{}', key: undefined, trace: undefined }])
    const [now] = (await filled()) as [number]
    const [old, mixed, held] = [1, 2, 3].map((ahead) => (now + ahead) % bucketsPerRing) as [number, number, number]
    await fill(old, '2 hours')
    await fill(mixed, '2 hours')
    await fill(mixed, '1 minute')
    await fill(held, '2 hours')
    await database.db.slot(0).transaction(async (tx) => {
      const late = `insert into tenfold.stream_entries (bucket, stream, partition, body) values (${held}, 'short', 0, '{}')`
      await tx.getExecutor().executeQuery(CompiledQuery.raw(late))
      await engine.sweep()
    })
    assert.deepEqual(
      await filled(),
      [now, mixed, held].sort((a, b) => a - b),
    )
    await assert.rejects(engine.define('short', { keepMs: 366 * 86_400_000 }), { code: 'conflict' })
  })

  it('wakes readers of another process for what is appended, in a transaction after its commit', async () => {
    const open = () => {
      const listen = { map: database.map, password: database.server.secrets.app, node: 'r/web-1' }
      const wakeUps = new WakeUps(() => database.db.shards(), listen)
      return { wakeUps, engine: openPostgresStreams(() => database.db.shards(), { wakeUps }) }
    }
    const [here, there] = [open(), open()]
    const heard: string[] = []
    const watch = there.engine.watch((stream) => void heard.push(stream))
    const entry = { body: '{}', key: undefined, trace: undefined }
    // Until its connection listens, it hears nothing.
    const isHeard = (stream: string) => async () => {
      await here.engine.append([{ stream, ...entry }])
      return heard.includes(stream)
    }
    await waitUntil(isHeard('woken'), { what: 'a wake-up', timeoutMs: 60_000 })
    await database.db.slot(0).transaction((tx) => here.engine.appendIn(tx, [{ stream: 'woken-too', ...entry }]))
    await waitUntil(() => heard.includes('woken-too'), { what: 'a wake-up of a commit', timeoutMs: 60_000 })
    await watch.close()
    await Promise.all([here.wakeUps.close(), there.wakeUps.close()])
  })

  it('reads from a place on by an index, in the buckets of its ring alone', async () => {
    const shard = database.db.shards()[0] as ShardDatabase
    await engine.append(
      Array.from({ length: 2000 }, () => ({ stream: 'plan', body: '{}', key: undefined, trace: undefined })),
    )
    await engine.hold({ stream: 'plan', group: 'g', holder: 'one#1', leaseMs: 60_000, from: 'start' })
    const rows = await shard.query<{ 'QUERY PLAN': string }>(`explain ${readStatement(1)}`, ['plan', 'g', 0, 1, 100])
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    assert.doesNotMatch(plan, /Seq Scan|Bitmap/, plan)
    assert.equal(plan.match(/Index Scan using stream_entries_\d+_stream_partition_xid_seq_idx/g)?.length, 8, plan)
    assert.match(plan, /Index Cond: .*ROW\(xid, seq\) > ROW/, plan)
  })

  it('a promoted replica goes on with every group in its place, and new entries come behind the old', async () => {
    await using replica = await startTestReplica(database.server, { slot: 'next' })
    const stream = 'promoted'
    const seen: unknown[] = []
    const tier = new StreamTier(engine, { log: { warn() {}, error() {} } })
    tier.streams.consume(stream, { group: 'g', from: 'start', batchMax: 3 }, async (entries) => {
      for (const { payload } of entries) seen.push(payload['n'])
    })
    tier.startReaders()
    let isOver = false
    let next = 0
    const appending = (async () => {
      while (!isOver) {
        if (next % 3 === 0) await tier.streams.stream(stream).append({ n: next })
        else await database.db.slot(3).transaction((tx) => tier.in(tx).append(stream, { n: next }))
        next++
      }
    })()
    try {
      await waitUntil(() => seen.length > 50, { what: 'entries', timeoutMs: 60_000 })
      await database.server.admin.fence()
      const { writtenLsn } = await database.server.admin.state()
      const isCaughtUp = async () => (await replica.admin.state()).replayedLsn >= writtenLsn
      await waitUntil(isCaughtUp, { what: 'the replica has everything', timeoutMs: 60_000 })
      await replica.admin.promote()
      await database.makePrimary(replica)
      const atSwitch = next
      await waitUntil(() => next > atSwitch + 50, { what: 'more entries', timeoutMs: 60_000 })
    } finally {
      isOver = true
    }
    await appending
    await waitUntil(() => seen.length >= next, { what: 'all of them', timeoutMs: 60_000 })
    await tier.stopReaders(60_000)
    assert.deepEqual(
      seen,
      Array.from({ length: next }, (_, n) => n),
    )
  })
})
