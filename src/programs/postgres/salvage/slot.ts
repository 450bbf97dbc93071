// The slot that makes salvage possible: it keeps, on a primary in asynchronous mode, the part of the write-ahead log that
// some replica has not replayed yet, so that the transactions in it can still be decoded when the primary is dead.
//
// It is a logical slot of test_decoding and not of pgoutput: a publication would make the server refuse updates of tables
// without a replica identity. Every function here needs a connection to the database `app`, where the slot belongs.

import { describeError, TenfoldError } from '../../../base/errors.ts'
import type { PostgresConnection } from '../connection.ts'
import { formatLsn, parseLsn } from '../lsn.ts'

export const salvageSlotName = 'tenfold_salvage'

const plugin = 'test_decoding'
/** Making the slot waits for every transaction that writes at that moment. */
const makeTimeoutMs = 300_000
/** What one call of advance reads of the log at most: about a tenth of a second. */
const advanceBytesMax = 16n * 1024n * 1024n

export interface SalvageSlot {
  /** Transactions that committed before it cannot be decoded any more. Undefined while the slot is being made. */
  confirmed: bigint | undefined
  /** The log is kept from here on. */
  keptFrom: bigint | undefined
  /** Why it is of no use: the server threw away log that it needed, for example. */
  invalid: string | undefined
  isActive: boolean
}

/** Undefined when there is none. */
export async function readSalvageSlot(connection: PostgresConnection): Promise<SalvageSlot | undefined> {
  const [row] = await connection.query<{
    confirmed: string | null
    kept: string | null
    invalid: string | null
    active: boolean
  }>(
    `SELECT confirmed_flush_lsn::text AS confirmed, restart_lsn::text AS kept, active,
       CASE WHEN plugin IS DISTINCT FROM $2 THEN 'it is of another plugin'
         WHEN database IS DISTINCT FROM current_database() THEN 'it belongs to another database'
         ELSE coalesce(invalidation_reason, CASE WHEN wal_status = 'lost' THEN 'wal_removed' END) END AS invalid
     FROM pg_replication_slots WHERE slot_name = $1`,
    [salvageSlotName, plugin],
  )
  if (!row) return undefined
  const lsn = (text: string | null) => (text === null ? undefined : parseLsn(text))
  return {
    confirmed: lsn(row.confirmed),
    keptFrom: lsn(row.kept),
    invalid: row.invalid ?? undefined,
    isActive: row.active,
  }
}

/**
 * Makes the slot when it is missing, and anew when it is of no use. Waits for the transactions that write at that moment,
 * so that it belongs into the background. May be called again, and at once by two: the second one then finds it.
 * @throws timeout when some transaction wrote for longer than five minutes; try again.
 */
export async function ensureSalvageSlot(connection: PostgresConnection): Promise<'there' | 'made' | 'remade'> {
  const slot = await readSalvageSlot(connection)
  if (slot && slot.invalid === undefined) return 'there'
  if (slot) await dropSalvageSlot(connection)
  try {
    await connection.queryFor(makeTimeoutMs, 'SELECT pg_create_logical_replication_slot($1, $2)', [
      salvageSlotName,
      plugin,
    ])
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === '42710') return 'there' // made by another one meanwhile
    if (code !== '57014') throw error
    throw new TenfoldError('timeout', `the slot ${salvageSlotName} waited in vain for running transactions`, {
      cause: error,
    })
  }
  return slot ? 'remade' : 'made'
}

/**
 * Lets go of the log before `upTo`, or of a bounded piece of it: call it again and again. `upTo` must be the end of a
 * record, as what a replica has replayed is and what it has flushed is not: a commit that lies across `upTo` is lost to
 * salvage. Answers where the slot stands then; undefined when there is nothing to advance. Never moves back.
 */
export async function advanceSalvageSlot(connection: PostgresConnection, upTo: bigint): Promise<bigint | undefined> {
  const slot = await readSalvageSlot(connection)
  if (slot?.confirmed === undefined || slot.invalid !== undefined || slot.isActive) return undefined
  if (upTo <= slot.confirmed) return slot.confirmed
  // A step may end within a record: that record ends before `upTo`, and so is none that gets lost.
  const step = slot.confirmed + advanceBytesMax
  const [row] = await connection.query<{ end_lsn: string }>(
    'SELECT end_lsn::text FROM pg_replication_slot_advance($1, $2::pg_lsn)',
    [salvageSlotName, formatLsn(step < upTo ? step : upTo)],
  )
  return row ? parseLsn(row.end_lsn) : slot.confirmed
}

/** May be called again. @throws conflict when somebody reads from it. */
export async function dropSalvageSlot(connection: PostgresConnection): Promise<void> {
  try {
    await connection.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [salvageSlotName],
    )
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === '42704') return // dropped by another one meanwhile
    if (code === '55006') throw new TenfoldError('conflict', describeError(error), { cause: error })
    throw error
  }
}
