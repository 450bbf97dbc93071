// What a database holds, in a few bytes a table: its number of rows, and the sum of the hashes of all of them, which does not
// depend on their order. Hashes are PostgreSQL's own 64-bit ones: they find damage and loss, not forgery.

import { escapeIdentifier, escapeLiteral } from 'pg'
import type { PostgresConnection } from '../../../programs/postgres/connection.ts'

export interface TableContent {
  rows: number
  checksum: string
}

/** By the table's name with its schema. */
export type Fingerprint = Map<string, TableContent>

export interface Difference {
  table: string
  /** Null where the table is not there. */
  live: TableContent | null
  restored: TableContent | null
}

const tablesAtOnce = 32
/** Reading a large table takes its time; a server that hangs is noticed by the connection's keepalive. */
const readTimeoutMs = 6 * 3_600_000

/** Tables, materialized views and large objects. Unlogged and temporary tables are not in the log, and so not here. */
const tablesSql = `
  SELECT n.nspname AS schema, c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relpersistence = 'p' AND c.relkind IN ('r', 'm')
    AND (n.nspname NOT IN ('pg_catalog', 'information_schema') OR c.relname = 'pg_largeobject')
  ORDER BY 1, 2`

/** Reads everything, within the transaction that the connection is in, if any. */
export async function takeFingerprint(connection: PostgresConnection): Promise<Fingerprint> {
  await connection.query(`SET statement_timeout = ${readTimeoutMs}`)
  await connection.query('SET search_path = pg_catalog')
  const tables = await connection.query<{ schema: string; name: string }>(tablesSql)
  const fingerprint: Fingerprint = new Map()
  for (let at = 0; at < tables.length; at += tablesAtOnce) {
    const sql = tables
      .slice(at, at + tablesAtOnce)
      .map(contentSql)
      .join(' UNION ALL ')
    const rows = await connection.query<{ name: string; rows: string; checksum: string }>(sql, [], readTimeoutMs)
    for (const { name, rows: count, checksum } of rows) fingerprint.set(name, { rows: Number(count), checksum })
  }
  return fingerprint
}

/** Of each table that is not the same on both sides. */
export function compareFingerprints(live: Fingerprint, restored: Fingerprint): Difference[] {
  const names = [...new Set([...live.keys(), ...restored.keys()])].sort()
  return names
    .map((table) => ({ table, live: live.get(table) ?? null, restored: restored.get(table) ?? null }))
    .filter((one) => one.live?.rows !== one.restored?.rows || one.live?.checksum !== one.restored?.checksum)
}

function contentSql({ schema, name }: { schema: string; name: string }): string {
  const table = `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`
  // The alias must not be a column's name, which would be taken for it.
  return `SELECT ${escapeLiteral(`${schema}.${name}`)} AS name, count(*)::text AS rows,
    coalesce(sum(hashtextextended(tenfold_whole_row::text, 0)::numeric), 0)::text AS checksum
    FROM ONLY ${table} AS tenfold_whole_row`
}
