// Decodes the transactions that only a dead primary had: those whose commit lies behind the point at which the new
// primary's timeline begins. The dead primary's server is started alone for it, and stopped again whatever happens.
//
// May be run again after a crash at any point, and then finds the same: the slot is only looked at (peek), and moved no
// further than to the point of divergence.

import type { Client } from 'pg'
import { PostgresConnection } from '../connection.ts'
import { databaseName } from '../contract.ts'
import { formatLsn, parseLsn } from '../lsn.ts'
import { findUndecoded } from './cross-check.ts'
import type { SalvagedLine, SalvageHeader } from './format.ts'
import { type IsolatedOptions, type IsolatedServer, startIsolated } from './isolated-server.ts'
import { streamRows } from './row-stream.ts'
import { readSalvageSlot, type SalvageSlot, salvageSlotName } from './slot.ts'
import { TableKeys } from './table-keys.ts'
import { type Assembled, assembleTransactions } from './transactions.ts'

/** How many transaction ids a problem names. */
const namedMax = 20
const lookBackBytes = 64n * 1024n * 1024n

export interface DecodeOptions extends IsolatedOptions {
  /** Where the new primary's timeline begins; the end of a record. */
  from: bigint
  /** Takes the lines of the salvage file, one at a time. */
  write(line: SalvagedLine): Promise<void>
}

export type Lost = Pick<
  SalvageHeader,
  'complete' | 'problems' | 'transactions' | 'changes' | 'systemIdentifier' | 'sequences'
>

/** The text forms do not depend on who asks, and names of types and tables are never shortened by a search path. */
const textForm = `
  SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1;
  SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = ''; SET statement_timeout = 0`

/**
 * @throws what starting a server throws; bad-input when the plugin prints what we do not understand. A slot that is
 * missing or of no use is no error: the result is not complete, and its problems say why.
 */
export async function decodeLost(options: DecodeOptions): Promise<Lost> {
  await using server = await startIsolated(options)
  const client = await server.connect()
  try {
    await client.query(textForm)
    const { from } = options
    const { until, systemIdentifier } = await readEnd(client)
    const slot = await readSlot(options, server)
    const problems = problemsOf(slot, from)
    const isUsable = slot?.confirmed !== undefined && slot.invalid === undefined
    const decoded = isUsable && from < until ? await decode(client, slot, options) : nothing
    if (from < until) {
      const keptFrom = isUsable && slot.keptFrom !== undefined && slot.keptFrom < from ? slot.keptFrom : undefined
      const range = { from: formatLsn(from), until: formatLsn(until) }
      const undecoded = await findUndecoded(server, {
        ...range,
        keptFrom: keptFrom === undefined ? await readKept(client, from) : formatLsn(keptFrom),
        decoded: decoded.xids,
      })
      if (undecoded.length > 0) problems.push(describeUndecoded(undecoded))
    }
    const { transactions, changes } = decoded
    const sequences = await readSequences(client)
    return { complete: problems.length === 0, problems, transactions, changes, systemIdentifier, sequences }
  } finally {
    client.connection.stream.destroy()
  }
}

const nothing: Assembled = { xids: new Set(), transactions: 0, changes: 0 }

async function decode(client: Client, slot: SalvageSlot, { from, write }: DecodeOptions): Promise<Assembled> {
  // What the new primary has as well would come first: it is passed over without being printed. A commit that ends
  // behind `from` begins at or behind it, so that none of the lost ones is passed over.
  if (slot.confirmed !== undefined && slot.confirmed < from)
    await client.query('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [salvageSlotName, formatLsn(from)])
  const keys = await TableKeys.read(client)
  const rows = streamRows<{ lsn: string; data: string }>(
    client,
    `SELECT lsn::text, data FROM pg_logical_slot_peek_changes($1, NULL, NULL, 'include-timestamp', 'on')`,
    [salvageSlotName],
  )
  return assembleTransactions(rows, keys, write)
}

async function readEnd(client: Client): Promise<{ until: bigint; systemIdentifier: string }> {
  const { rows } = await client.query<{ until: string; system: string }>(
    `SELECT pg_current_wal_flush_lsn()::text AS until, system_identifier::text AS system FROM pg_control_system()`,
  )
  const [row] = rows
  if (!row) throw new Error('pg_control_system() has one row')
  return { until: parseLsn(row.until), systemIdentifier: row.system }
}

/** Without a slot the log is kept by its size only: some way back from `from`, where transactions that were lost began. */
async function readKept(client: Client, from: bigint): Promise<string> {
  const { rows } = await client.query<{ kept: string }>(
    `SELECT least($1::pg_lsn, greatest($2::pg_lsn, oldest))::text AS kept FROM (
       SELECT '0/0'::pg_lsn + (('x' || substr(min(substr(name, 9)), 1, 8))::bit(32)::bigint::numeric * 4294967296
         + ('x' || substr(min(substr(name, 9)), 9, 8))::bit(32)::bigint::numeric * pg_size_bytes(current_setting('wal_segment_size')))
         AS oldest FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') AS kept`,
    [formatLsn(from), formatLsn(from > lookBackBytes ? from - lookBackBytes : 0n)],
  )
  return rows[0]?.kept ?? formatLsn(from)
}

async function readSlot({ secrets }: DecodeOptions, { address, port }: IsolatedServer) {
  await using connection = await PostgresConnection.connect({ address, port, secrets, database: databaseName })
  return await readSalvageSlot(connection)
}

function problemsOf(slot: SalvageSlot | undefined, from: bigint): string[] {
  if (!slot) return [`the slot ${salvageSlotName} was not there: nothing could be decoded`]
  if (slot.invalid !== undefined)
    return [`the slot ${salvageSlotName} was of no use (${slot.invalid}): nothing could be decoded`]
  if (slot.confirmed === undefined)
    return [`the slot ${salvageSlotName} was still being made: nothing could be decoded`]
  if (slot.confirmed > from)
    return [
      `the slot ${salvageSlotName} stood at ${formatLsn(slot.confirmed)}, behind the divergence: what committed before that is missing`,
    ]
  return []
}

function describeUndecoded(xids: readonly number[]): string {
  const named = xids.slice(0, namedMax).join(', ')
  const more = xids.length > namedMax ? ` and ${xids.length - namedMax} more` : ''
  return `${xids.length} transactions in the log changed rows and are not in this file: ${named}${more}`
}

async function readSequences(client: Client): Promise<SalvageHeader['sequences']> {
  const { rows } = await client.query<SalvageHeader['sequences'][number]>(
    `SELECT schemaname AS schema, sequencename AS name, last_value::text AS "lastValue"
     FROM pg_sequences WHERE last_value IS NOT NULL ORDER BY 1, 2`,
  )
  return rows
}
