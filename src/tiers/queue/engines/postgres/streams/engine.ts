// Streams inside PostgreSQL: a log on each shard, so that appending belongs to the caller's transaction.

import { CompiledQuery } from 'kysely'
import { TenfoldError } from '../../../../../base/errors.ts'
import type { CommitNotice, ShardDatabase } from '../../../../database/contract.ts'
import type { Appended, NewEntry, StreamEngine } from '../../../streams/contract.ts'
import { allParts } from '../shards.ts'
import type { WakeUps } from '../wake-ups.ts'
import { openGroups } from './groups.ts'
import { KnownStreams } from './known-streams.ts'
import { listStreams } from './list.ts'
import { type Place, positionOf } from './place.ts'
import { bucketsPerRing, rings } from './rings.ts'
import { Spread } from './spread.ts'
import { appendStatement, sweepReadersStatement, truncateStatement } from './statements.ts'

export interface PostgresStreamsOptions {
  /** Where other processes hear of what was appended. Without it, readers find it when they look. */
  wakeUps?: Pick<WakeUps, 'tell' | 'watch'> | undefined
}

/** Streams among the queues that processes wake each other for; no queue's name has a colon. */
const topic = 'stream:'

/** `all` is asked at each call, since the map may change what it answers. */
export function openPostgresStreams(
  all: () => readonly ShardDatabase[],
  { wakeUps }: PostgresStreamsOptions = {},
): StreamEngine {
  // A replica may show less than was read already, and its snapshots are not the primary's.
  const shards = () => all().map(onPrimary)
  const known = new KnownStreams(shards)
  const spread = new Spread()

  function tell(ids: readonly string[], entries: readonly NewEntry[]): void {
    for (const stream of new Set(entries.map((entry) => entry.stream)))
      wakeUps?.tell(ids, { queue: `${topic}${stream}`, rank: 0 })
  }

  async function appendTo(shard: ShardDatabase, entries: readonly NewEntry[]): Promise<Appended[]> {
    const columns = noColumns()
    for (const entry of entries) {
      const { partitions, ring } = await known.on(shard, entry.stream)
      addTo(columns, entry, ring, spread.of(entry.key).partitionOf(partitions))
    }
    const rows = await shard.query<Place>(appendStatement, valuesOf(columns))
    tell([shard.id], entries)
    return rows.map((place) => ({ position: positionOf(place, shard.id) }))
  }

  return {
    define: (stream, definition) => known.define(stream, definition),
    async append(entries) {
      const places = shards()
      const [only] = places
      if (!only) throw new TenfoldError('unavailable', 'the map has no shard to keep streams on')
      if (places.length === 1) return appendTo(only, entries)
      const homes = entries.map(({ key }) => spread.of(key).shardOf(places.length))
      const answers = new Array<Appended>(entries.length)
      await allParts(
        [...Map.groupBy(entries.keys(), (i) => homes[i] as number)].map(async ([home, numbers]) => {
          const its = numbers.map((i) => entries[i] as NewEntry)
          const appended = await appendTo(places[home] as ShardDatabase, its)
          for (const [n, i] of numbers.entries()) answers[i] = appended[n] as Appended
        }),
      )
      return answers
    },
    async appendIn(tx, entries) {
      const columns = noColumns()
      for (const entry of entries) {
        const { partitions, ring } = await known.everywhere(entry.stream)
        addTo(columns, entry, ring, spread.of(entry.key).partitionOf(partitions))
      }
      const executor = tx.getExecutor()
      await executor.executeQuery(CompiledQuery.raw(appendStatement, valuesOf(columns)))
      // Which shard it was the transaction knows, not we. An executor that a plugin made tells nobody of its commit.
      const ids = shards().map(({ id }) => id)
      if ('afterCommit' in executor) (executor as unknown as CommitNotice).afterCommit(() => tell(ids, entries))
    },
    ...openGroups(shards, known),
    list: () => listStreams(shards()),
    watch(hint) {
      if (!wakeUps) return { async close() {} }
      return wakeUps.watch((name) => {
        if (name === undefined) for (const stream of known.names) hint(stream)
        else if (name.startsWith(topic)) hint(name.slice(topic.length))
      })
    },
    async sweep() {
      for (const shard of shards()) {
        await shard.query(sweepReadersStatement)
        for (const ring of rings.keys())
          for (let i = 0; i < bucketsPerRing; i++) await shard.query(truncateStatement(ring, ring * bucketsPerRing + i))
      }
    },
    async close() {},
  }
}

function onPrimary(shard: ShardDatabase): ShardDatabase {
  return { id: shard.id, query: (text, values) => shard.query(text, values, { from: 'primary' }) }
}

interface Columns {
  rings: number[]
  streams: string[]
  partitions: number[]
  keys: Array<string | null>
  bodies: string[]
  traces: Array<string | null>
}

function noColumns(): Columns {
  return { rings: [], streams: [], partitions: [], keys: [], bodies: [], traces: [] }
}

function addTo(columns: Columns, { stream, key, body, trace }: NewEntry, ring: number, partition: number): void {
  columns.rings.push(ring)
  columns.streams.push(stream)
  columns.partitions.push(partition)
  columns.keys.push(key ?? null)
  columns.bodies.push(body)
  columns.traces.push(trace ?? null)
}

function valuesOf({ rings, streams, partitions, keys, bodies, traces }: Columns): unknown[] {
  return [rings, streams, partitions, keys, bodies, traces]
}
