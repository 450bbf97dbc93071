// The content of a running database at one exact position of its log, without holding anybody up.
//
// A logical replication slot begins with just that: PostgreSQL finds a position at which every transaction's commit lies
// either before or after, and exports the snapshot that sees those before. A restore to the position, exclusively, must
// have the same rows, whatever is written meanwhile, and by whom. The slot is temporary: it goes with its connection.
// Source: PostgreSQL manual, 47.2.5 Exported Snapshots; src/backend/replication/logical/snapbuild.c.

import { randomBytes } from 'node:crypto'
import { describeError, isTenfoldError, TenfoldError } from '../../../base/errors.ts'
import { PostgresConnection } from '../../../programs/postgres/connection.ts'
import { databaseName, type PostgresAddress, type PostgresSecrets } from '../../../programs/postgres/contract.ts'
import { parseLsn } from '../../../programs/postgres/lsn.ts'
import { ask, connectReplication, destroyClient } from '../../../programs/postgres/replication-client.ts'
import type { WalPosition } from '../../../programs/postgres/wal-segment.ts'
import { type Fingerprint, takeFingerprint } from './fingerprint.ts'

/** The slot waits for the transactions that run when it is made. */
const slotTimeoutMs = 60_000

export interface LiveContent {
  at: WalPosition
  content: Fingerprint
}

/** @throws unavailable while a transaction runs for longer than a minute, or the server does not answer. */
export async function readLiveContent(primary: PostgresAddress, secrets: PostgresSecrets): Promise<LiveContent> {
  const exporter = await connectReplication(primary, secrets, { name: 'tenfold verify', isLogical: true })
  try {
    await using reader = await PostgresConnection.connect({ ...primary, secrets, database: databaseName })
    const slot = `tenfold_verify_${randomBytes(6).toString('hex')}`
    const [made] = await ask<{ consistent_point: string; snapshot_name: string }>(
      exporter,
      `CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
      slotTimeoutMs,
    )
    if (!made) throw new Error('CREATE_REPLICATION_SLOT has one row')
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await reader.query(`SET TRANSACTION SNAPSHOT '${made.snapshot_name}'`)
    // Imported, the snapshot is the transaction's own: the slot need not keep log while the rows are read.
    destroyClient(exporter)
    const [row] = await reader.query<{ timeline: number }>(
      `SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS timeline`,
    )
    const content = await takeFingerprint(reader)
    await reader.query('COMMIT')
    return { at: { timeline: row?.timeline ?? 1, lsn: parseLsn(made.consistent_point) }, content }
  } catch (error) {
    if (isTenfoldError(error, 'timeout'))
      throw new TenfoldError('unavailable', 'a transaction has been running for too long; try again when it is over')
    throw error instanceof TenfoldError
      ? error
      : new TenfoldError('unavailable', describeError(error), { cause: error })
  } finally {
    destroyClient(exporter)
  }
}
