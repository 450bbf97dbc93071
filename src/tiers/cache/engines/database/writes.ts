// Waiting writes in the database, a row for each key in the slot of the key. An append is one committed statement, as
// durable as any other write there.

import { sql } from 'kysely'
import { TenfoldError } from '../../../../base/errors.ts'
import type { Database } from '../../../database/contract.ts'
import { type BodyKind, bodyIn, bodyOf } from '../../body.ts'
import type { WaitingWrite } from '../../contract.ts'
import type { TakenWrite, WriteDepth, WriteEngine } from '../../write-back/contract.ts'
import { microseconds } from './locks.ts'
import { CacheSlots, type SlotOptions } from './slots.ts'

export interface DatabaseWriteLimits {
  /** Keys of one name that may wait in one slot: 64 times as many in all. Where the truth is down for long, writes fail from there on. */
  keysPerSlotMax: number
  valueBytesMax: number
}

const limitsDefault: DatabaseWriteLimits = { keysPerSlotMax: 4096, valueBytesMax: 1024 * 1024 }
/** Both are in an index, whose entries are at most a third of a page. */
const nameBytesMax = 256
const keyBytesMax = 2048
const reasonCharactersMax = 2000
/** Whoever waits for a shard that is away stores nothing of the others meanwhile. */
const dueMsMax = 1000
/** Longer, since a write that was taken by an answer that nobody heard waits for the end of its lease. */
const takeMsMax = 5000

interface WriteRow {
  name: string
  key: string
  kind: BodyKind | null
  body: Buffer | null
  version: string
  due_at: Date
  lease: string | null
  attempt: number
  reason: string | null
}

interface WriteTables {
  tenfold_writes: WriteRow
}

const now = sql<Date>`clock_timestamp()`
const afterMs = (ms: number) => sql<Date>`clock_timestamp() + ${ms}::float8 * interval '1 ms'`

export function openDatabaseWrites<DB>(
  database: Database<DB>,
  { keysPerSlotMax, valueBytesMax, ...options }: SlotOptions & Partial<DatabaseWriteLimits>,
): WriteEngine {
  const limits = {
    keysPerSlotMax: keysPerSlotMax ?? limitsDefault.keysPerSlotMax,
    valueBytesMax: valueBytesMax ?? limitsDefault.valueBytesMax,
  }
  const tables = database as unknown as Database<WriteTables>
  const slots = new CacheSlots(tables, options)
  const table = sql.table('tenfold_writes')

  return {
    async append(name, { key, value }) {
      checkNames(name, key)
      const [kind, body] = value === undefined ? [null, null] : written(value, limits.valueBytesMax)
      // A key that waits already takes no more room.
      const [appended] = await slots.at(key, (slot) =>
        slot
          .with(
            'appended',
            () => sql<{ version: string }>`(
            insert into ${table} as held (name, key, kind, body, version, due_at)
            select ${name}, ${key}, ${kind}::text, ${body}::bytea, ${microseconds}, ${now}
            where (
              select count(*) from (select from ${table} where name = ${name} limit ${limits.keysPerSlotMax}) as waiting
            ) < ${limits.keysPerSlotMax}::bigint or exists (select from ${table} where name = ${name} and key = ${key})
            on conflict (name, key) do update set
              kind = excluded.kind, body = excluded.body, version = greatest(${microseconds}, held.version + 1)
            returning version)`,
          )
          .selectFrom('appended')
          .select('version')
          .execute(),
      )
      if (appended) return
      throw new TenfoldError('overloaded', `${limits.keysPerSlotMax} keys of ${name} wait beside ${key} to be stored`)
    },

    async waiting(name, key) {
      checkNames(name, key)
      const row = await slots.at(key, (slot) =>
        slot
          .selectFrom('tenfold_writes')
          .select(['kind', 'body'])
          .where('name', '=', name)
          .where('key', '=', key)
          .executeTakeFirst(),
      )
      return row && { key, value: valueIn(row) }
    },

    async due(name, max) {
      const rows = await slots.everywhere(() =>
        tables.scatter<Pick<WriteRow, 'key' | 'due_at'>>(
          (db) =>
            db
              .selectFrom('tenfold_writes')
              .select(['key', 'due_at'])
              .where('name', '=', name)
              .where('due_at', '<=', now)
              .orderBy('due_at')
              .limit(max),
          // A shard that is away keeps nobody from the writes of the others.
          { orderBy: [{ column: 'due_at', direction: 'asc' }], limit: max, withinMs: dueMsMax, isPartial: true },
        ),
      )
      return rows.map(({ key }) => key)
    },

    async take(name, key, leaseMs) {
      const row = await slots.at(key, (slot) =>
        slot
          .within(takeMsMax)
          .updateTable('tenfold_writes')
          .set({ lease: sql<string>`gen_random_uuid()`, due_at: afterMs(leaseMs), attempt: sql<number>`attempt + 1` })
          .where('name', '=', name)
          .where('key', '=', key)
          .where('due_at', '<=', now)
          .returning(['kind', 'body', 'version', 'lease', 'attempt'])
          .executeTakeFirst(),
      )
      if (!row) return undefined
      const { version, lease, attempt } = row
      return { name, key, value: valueIn(row), version: Number(version), lease: lease as string, attempt }
    },

    async extend(taken, leaseMs) {
      return (await change(taken, { due_at: afterMs(leaseMs) })) === 1
    },

    async done(taken) {
      const { name, key, lease, version } = taken
      const { numDeletedRows } = await slots.at(key, (slot) =>
        slot
          .deleteFrom('tenfold_writes')
          .where('name', '=', name)
          .where('key', '=', key)
          .where('lease', '=', lease)
          .where('version', '=', String(version))
          .executeTakeFirst(),
      )
      if (numDeletedRows > 0n) return false
      // One that came meanwhile has taken its place in the row, or the lease was lost.
      return (await change(taken, { lease: null, due_at: now, attempt: 0, reason: null })) === 1
    },

    async retry(taken, delayMs, reason) {
      await change(taken, { lease: null, due_at: afterMs(delayMs), reason: reason.slice(0, reasonCharactersMax) })
    },

    async depth(name) {
      const shards = await slots.everywhere(() =>
        tables.scatter<Omit<WriteDepth, 'name'>>((db) =>
          db
            .selectFrom('tenfold_writes')
            .select([
              sql<number>`count(*)::integer`.as('waiting'),
              sql<number>`count(reason)::integer`.as('failing'),
              sql<number>`greatest(0, coalesce(${microseconds} - min(version), 0) / 1000)::float8`.as('oldestMs'),
            ])
            .where('name', '=', name),
        ),
      )
      return shards.reduce<WriteDepth>(
        (sum, { waiting, failing, oldestMs }) => ({
          name,
          waiting: sum.waiting + waiting,
          failing: sum.failing + failing,
          oldestMs: Math.max(sum.oldestMs, oldestMs),
        }),
        { name, waiting: 0, failing: 0, oldestMs: 0 },
      )
    },
  }

  async function change(
    { name, key, lease }: TakenWrite,
    set: Partial<Record<keyof WriteRow, unknown>>,
  ): Promise<number> {
    const { numUpdatedRows } = await slots.at(key, (slot) =>
      slot
        .updateTable('tenfold_writes')
        .set(set as never)
        .where('name', '=', name)
        .where('key', '=', key)
        .where('lease', '=', lease)
        .executeTakeFirst(),
    )
    return Number(numUpdatedRows)
  }
}

function written(value: unknown, bytesMax: number): [kind: BodyKind, body: Buffer] {
  const [kind, body] = bodyOf(value)
  const bytes =
    typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (bytes.length <= bytesMax) return [kind, bytes]
  throw new TenfoldError('too-large', `a value of ${bytes.length} bytes is above ${bytesMax}`)
}

function valueIn({ kind, body }: Pick<WriteRow, 'kind' | 'body'>): unknown {
  return kind === null || body === null ? undefined : bodyIn(kind, body, 0)
}

function checkNames(name: string, key: WaitingWrite<unknown>['key']): void {
  check('name', name, nameBytesMax)
  check('key', key, keyBytesMax)
}

function check(what: string, text: string, bytesMax: number): void {
  if (text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= bytesMax) return
  throw new TenfoldError('bad-input', `the ${what} of a write is up to ${bytesMax} bytes of text without \\0`)
}
