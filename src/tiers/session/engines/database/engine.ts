// Sessions in the database: one row each, fields as jsonb, merged inside PostgreSQL so that requests at the same time
// do not overwrite each other.

import { fileURLToPath } from 'node:url'
import { type Generated, type Kysely, sql } from 'kysely'
import type { Database, SlotDatabase } from '../../../database/contract.ts'
import { type ListedSession, type SessionEngine, type SessionFields, sessionsListedMax } from '../../contract.ts'

/** SQL files of this engine, run before it is opened. */
export const databaseSessionMigrations = fileURLToPath(new URL('migrations', import.meta.url))

interface SessionTables {
  tenfold_sessions: { id: string; fields: SessionFields; expires_at: Date; created_at: Generated<Date | null> }
}

export interface DatabaseSessionOptions {
  /** The slot of a text key, as PostgreSQL hashes it. */
  slotOf(id: string): number
  slotCount: number
}

type Rows<DB> = Pick<Database<DB>, 'slot' | 'scatter'>

export function openDatabaseSessions<DB>(database: Rows<DB>, options: DatabaseSessionOptions): SessionEngine {
  const { slotOf, slotCount } = options
  const tables = database as unknown as Rows<SessionTables>
  const homeOf = (id: string): SlotDatabase<SessionTables> => tables.slot(slotOf(id))
  return {
    async load(id, { isNewest = false } = {}) {
      const home = homeOf(id)
      const row = await (isNewest ? home.from('primary') : home)
        .selectFrom('tenfold_sessions')
        .select(['fields', millisecondsLeft.as('left_ms')])
        .where('id', '=', id)
        .where('expires_at', '>', sql<Date>`now()`)
        .executeTakeFirst()
      return row && { fields: row.fields, idleLeftMs: row.left_ms }
    },
    async create(id, fields, idleMs) {
      await homeOf(id)
        .insertInto('tenfold_sessions')
        .values({ id, fields: jsonb(fields), expires_at: inMs(idleMs) })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet((row) => ({
            fields: row.ref('excluded.fields'),
            expires_at: row.ref('excluded.expires_at'),
          })),
        )
        .execute()
    },
    async merge(id, changes, idleMs) {
      const removed = Object.keys(changes).filter((field) => changes[field] === null)
      const set = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null)) as SessionFields
      const updated = await homeOf(id)
        .updateTable('tenfold_sessions')
        .set({
          fields: sql<SessionFields>`(fields - ${removed}::text[]) || ${jsonb(set)}`,
          expires_at: inMs(idleMs),
        })
        .where('id', '=', id)
        .where('expires_at', '>', sql<Date>`now()`)
        .returning('id')
        .execute()
      return updated.length === 1
    },
    async destroy(id) {
      const gone = await homeOf(id)
        .deleteFrom('tenfold_sessions')
        .where('id', '=', id)
        .returning(sql<boolean>`expires_at > now()`.as('was_there'))
        .execute()
      return gone[0]?.was_there === true
    },
    async list(userId) {
      const rows = await tables.scatter((db) => sessionsOf(db, userId), {
        orderBy: [{ column: 'left_ms', direction: 'desc' }],
        limit: sessionsListedMax,
        from: 'primary',
      })
      return rows.map(
        ({ id, fields, left_ms, created_at }): ListedSession => ({
          id,
          fields,
          idleLeftMs: left_ms,
          createdAt: created_at ?? undefined,
        }),
      )
    },
    async sweep() {
      let swept = 0n
      for (let slot = 0; slot < slotCount; slot++) {
        const gone = await tables
          .slot(slot)
          .deleteFrom('tenfold_sessions')
          .where('expires_at', '<=', sql<Date>`now()`)
          .executeTakeFirst()
        swept += gone.numDeletedRows
      }
      return Number(swept)
    },
  }
}

/** The condition is as the index has it (0003-sessions-of-user.sql). */
function sessionsOf(db: Kysely<SessionTables>, userId: string) {
  return db
    .selectFrom('tenfold_sessions')
    .select(['id', 'fields', 'created_at', millisecondsLeft.as('left_ms')])
    .where(sql<string>`fields ->> 'userId'`, '=', userId)
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('left_ms', 'desc')
    .limit(sessionsListedMax)
}

const millisecondsLeft = sql<number>`(extract(epoch from expires_at - now()) * 1000)::float8`

function jsonb(fields: SessionFields) {
  return sql<SessionFields>`${JSON.stringify(fields)}::jsonb`
}

function inMs(idleMs: number) {
  return sql<Date>`now() + ${idleMs}::float8 * interval '1 ms'`
}
