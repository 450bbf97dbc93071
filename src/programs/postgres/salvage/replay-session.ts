// The connection that a replay writes through, and what it remembers on the server: which transactions of which salvage
// it has done. The record is written in the transaction that it is about, so that a replay may be killed at any moment.

import { Client } from 'pg'
import { TenfoldError } from '../../../base/errors.ts'
import { withTimeout } from '../../../base/limits.ts'
import { databaseName, type PostgresAddress, type PostgresSecrets, superuserName } from '../contract.ts'
import type { SalvageHeader } from './format.ts'
import { replayableIdsMax } from './row-age.ts'

const connectTimeoutMs = 5000
const closeTimeoutMs = 1000
/** A replay waits so long for a row that the app has locked, and keeps the app waiting no longer than a statement takes. */
const lockTimeoutMs = 2000
const statementTimeoutMs = 30_000
/** Any two replays into one database must use the same number. */
const advisoryLock = 0x7e4f05a

/**
 * Replica: triggers have had their effect, see replay-change.ts. A commit waits as the app's own do, so that what was
 * lost once is not lost a second time.
 */
const session = `
  SET session_replication_role = replica; SET synchronous_commit = on; SET lock_timeout = ${lockTimeoutMs};
  SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1;
  SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = ''; SET statement_timeout = ${statementTimeoutMs}`

/** The row's own xmin says under which id the transaction was replayed. Migrations own the schema. */
const bookkeeping = `
  CREATE SCHEMA IF NOT EXISTS tenfold AUTHORIZATION owner;
  CREATE TABLE IF NOT EXISTS tenfold.salvage_replayed (
    salvage uuid NOT NULL,
    position integer NOT NULL,
    lost_xid bigint NOT NULL,
    replayed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (salvage, position)
  )`

export interface ReplaySession extends AsyncDisposable {
  client: Client
  /** Positions in the file by the id under which each was replayed. */
  replayed: Map<string, number>
}

/**
 * @throws conflict when another replay runs, when the server is a replica, when it is of another cluster than the lost
 * transactions, or when too much has happened since to tell who wrote a row.
 */
export async function openReplaySession(
  target: PostgresAddress & { secrets: PostgresSecrets },
  header: SalvageHeader,
): Promise<ReplaySession> {
  const { address, port, secrets } = target
  const client = new Client({
    ...{ host: address, port, user: superuserName, password: secrets.superuser, database: databaseName },
    application_name: 'tenfold salvage replay',
    connectionTimeoutMillis: connectTimeoutMs,
    // A server that hangs: its own time-out would have come before.
    query_timeout: statementTimeoutMs + connectTimeoutMs,
  })
  client.on('error', () => {})
  // With a goodbye, after which the lock is free: whoever runs the next replay at once must not meet ours.
  const close = () =>
    withTimeout(client.end(), closeTimeoutMs, 'closing a connection').catch(() => {
      client.connection.stream.destroy()
    })
  try {
    await client.connect()
    await client.query(session)
    await checkTarget(client, header)
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      advisoryLock,
    ])
    if (rows[0]?.locked !== true)
      throw new TenfoldError('conflict', `another replay runs on ${address}:${port}; wait for its end`)
    await client.query(bookkeeping)
    return { client, replayed: await readReplayed(client, header.id), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function checkTarget(client: Client, header: SalvageHeader): Promise<void> {
  const { rows } = await client.query<{ system: string; next: string; recovering: boolean }>(
    `SELECT system_identifier::text AS system, pg_is_in_recovery() AS recovering,
       CASE WHEN pg_is_in_recovery() THEN '0' ELSE pg_snapshot_xmax(pg_current_snapshot())::text END AS next
     FROM pg_control_system()`,
  )
  const { system, next, recovering } = rows[0] ?? { system: '', next: '0', recovering: true }
  if (recovering) throw new TenfoldError('conflict', `the server is a replica; lost writes are replayed on the primary`)
  if (system !== header.systemIdentifier)
    throw new TenfoldError(
      'conflict',
      `the lost transactions are of another cluster (${header.systemIdentifier}, not ${system})`,
    )
  const since = BigInt(next) - BigInt(header.promotedXid)
  if (since < 0n)
    throw new TenfoldError('conflict', 'the database is older than the failover: it was restored to a time before')
  if (since >= replayableIdsMax)
    throw new TenfoldError('conflict', `${since} transactions since the failover are too many to tell who wrote a row`)
}

async function readReplayed(client: Client, id: string): Promise<Map<string, number>> {
  const { rows } = await client.query<{ xmin: string; position: number }>(
    'SELECT xmin::text, position FROM tenfold.salvage_replayed WHERE salvage = $1',
    [id],
  )
  return new Map(rows.map(({ xmin, position }) => [xmin, position]))
}
