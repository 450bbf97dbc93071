// Sessions in any PostgreSQL that a URL names, for a program that is no app of ours: one that runs as `web.command`, or
// somewhere else. The same table and statements as the database engine's: whole where it makes the table itself, on the
// leaves of all slots where migrations of ours have made it.

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { SlotDatabase } from '../../../database/contract.ts'
import { type SessionEngine, sessionsListedMax } from '../../contract.ts'
import { type DatabaseSessionOptions, openDatabaseSessions } from '../database/engine.ts'

export interface PostgresSessionOptions {
  /** Default 10. */
  connectionsMax?: number
  /** How long a connection, and an answer, is waited for. Default 10 s. */
  timeoutMs?: number
}

export interface PostgresSessions extends SessionEngine {
  /** When nobody waits for an answer any more. */
  close(): Promise<void>
}

/** How sharded tables lie in a database of ours. */
export interface Slots extends DatabaseSessionOptions {
  schemaOf(slot: number): string
}

const sweepMs = 600_000
/** The table is not there, and this role may not make it. */
const insufficientPrivilege = '42501'

/**
 * Makes the table where there is none and the role may. @throws bad-input when it may not, with what to do; unavailable when
 * nobody answers.
 */
export async function openPostgresSessions(
  databaseUrl: string,
  slots: Slots,
  { connectionsMax = 10, timeoutMs = 10_000 }: PostgresSessionOptions = {},
): Promise<PostgresSessions> {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connectionsMax,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: 'tenfold sessions',
  })
  // A connection that breaks while nobody uses it is replaced when somebody does.
  pool.on('error', () => {})
  const isSharded = await findOrMakeTable(pool).catch(async (error) => {
    await pool.end()
    throw error
  })
  const engine = isSharded ? openSharded(pool, slots) : openWhole(pool)
  // What has ended is not read in any case: a sweep that fails is made good by the next. It keeps no program alive.
  let sweeping: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    sweeping = engine.sweep().catch(() => {})
  }, sweepMs).unref()
  return {
    ...engine,
    async close() {
      clearInterval(timer)
      await sweeping
      await pool.end()
    },
  }
}

function openWhole(pool: pg.Pool): SessionEngine {
  const kysely = kyselyOf(pool)
  const slot = () => asSlot(kysely)
  return openDatabaseSessions(
    { slot, scatter: (statement) => statement(kysely).execute() },
    { slotOf: () => 0, slotCount: 1 },
  )
}

function openSharded(pool: pg.Pool, slots: Slots): SessionEngine {
  const leaves = Array.from({ length: slots.slotCount }, (_, slot) => kyselyOf(pool).withSchema(slots.schemaOf(slot)))
  const database: Parameters<typeof openDatabaseSessions>[0] = {
    slot: (slot) => asSlot(leaves[slot] as Kysely<unknown>),
    scatter: async (statement) => (await Promise.all(leaves.map((leaf) => statement(leaf).execute()))).flat(),
  }
  const engine = openDatabaseSessions(database, slots)
  return {
    ...engine,
    async list(userId) {
      const listed = await engine.list(userId)
      return listed.sort((a, b) => b.idleLeftMs - a.idleLeftMs).slice(0, sessionsListedMax)
    },
  }
}

function kyselyOf(pool: pg.Pool): Kysely<unknown> {
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
}

/** What a URL names is one server, and so every read is the primary's. */
function asSlot(kysely: Kysely<unknown>): SlotDatabase<unknown> {
  const slot = Object.assign(kysely, { from: () => slot }) as unknown as SlotDatabase<unknown>
  return slot
}

/** Answers whether it is sharded. */
async function findOrMakeTable(pool: pg.Pool): Promise<boolean> {
  try {
    const { rows } = await pool.query<{ kind: string }>(
      `select relkind as kind from pg_class where oid = to_regclass('tenfold_sessions')`,
    )
    if (rows[0]) return rows[0].kind === 'p'
    await pool.query(tables)
    return false
  } catch (cause) {
    const { code } = cause as { code?: string }
    if (code === insufficientPrivilege)
      throw new TenfoldError(
        'bad-input',
        'there is no table tenfold_sessions, and this role may not make one: run `tenfold db migrate`, or make it as its owner',
        { cause },
      )
    if (code === undefined || code.startsWith('08') || code.startsWith('57') || code.startsWith('E'))
      throw new TenfoldError('unavailable', `the database does not answer: ${describeError(cause)}`, { cause })
    throw cause
  }
}

/** Programs that start at the same time make it once. */
const tables = `
  begin;
  select pg_advisory_xact_lock(hashtext('tenfold_sessions'));
  create table if not exists tenfold_sessions (
    id text not null primary key, fields jsonb not null, expires_at timestamptz not null, created_at timestamptz default now()
  );
  create index if not exists tenfold_sessions_expires_at on tenfold_sessions (expires_at);
  create index if not exists tenfold_sessions_user_id on tenfold_sessions ((fields ->> 'userId'))
    where (fields ->> 'userId') is not null;
  commit`
