// Streams inside PostgreSQL: a log on each shard, so that appending belongs to the caller's transaction.

import { CompiledQuery } from 'kysely'
import { TenfoldError } from '../../../../../base/errors.ts'
import type { ShardDatabase } from '../../../../database/contract.ts'
import type { Appended, NewEntry, StreamEngine } from '../../../streams/contract.ts'
import { openGroups } from './groups.ts'
import { KnownStreams } from './known-streams.ts'
import { listStreams } from './list.ts'
import { type Place, positionOf } from './place.ts'
import { bucketsPerRing, rings } from './rings.ts'
import { Spread } from './spread.ts'
import { appendStatement, sweepReadersStatement, truncateStatement } from './statements.ts'

/** `shards` is asked at each call, since the map may change what it answers. */
export function openPostgresStreams(shards: () => readonly ShardDatabase[]): StreamEngine {
  const known = new KnownStreams(shards)
  const spread = new Spread()

  async function appendTo(shard: ShardDatabase, entries: readonly NewEntry[]): Promise<Appended[]> {
    const columns = noColumns()
    for (const entry of entries) {
      const { partitions, ring } = await known.on(shard, entry.stream)
      addTo(columns, entry, ring, spread.of(entry.key).partitionOf(partitions))
    }
    const rows = await shard.query<Place>(appendStatement, valuesOf(columns))
    return rows.map((place) => ({ position: positionOf(place, shard.id) }))
  }

  return {
    define: (stream, definition) => known.define(stream, definition),
    async append(entries) {
      const all = shards()
      if (all.length === 0) throw new TenfoldError('unavailable', 'the map has no shard to keep streams on')
      if (all.length === 1) return appendTo(all[0] as ShardDatabase, entries)
      const homes = entries.map(({ key }) => spread.of(key).shardOf(all.length))
      const answers = new Array<Appended>(entries.length)
      await Promise.all(
        all.map(async (shard, home) => {
          const indexes = [...homes.keys()].filter((i) => homes[i] === home)
          if (indexes.length === 0) return
          const appended = await appendTo(
            shard,
            indexes.map((i) => entries[i] as NewEntry),
          )
          indexes.forEach((i, n) => {
            answers[i] = appended[n] as Appended
          })
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
      await tx.getExecutor().executeQuery(CompiledQuery.raw(appendStatement, valuesOf(columns)))
    },
    ...openGroups(shards, known),
    list: () => listStreams(shards()),
    watch: () => ({ async close() {} }),
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
