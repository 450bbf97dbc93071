// Whether tables and indexes are sound in themselves, by PostgreSQL's own amcheck: every index entry in order, every row in
// its index, every tuple and its toasted values readable.

import { describeError } from '../../../base/errors.ts'
import type { PostgresConnection } from '../../../programs/postgres/connection.ts'

const checkTimeoutMs = 6 * 3_600_000
const problemsMax = 20

const indexesSql = `
  SELECT c.oid::regclass::text AS name, c.oid
  FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am a ON a.oid = c.relam
  WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p' AND i.indisvalid AND i.indisready`

const heapsSql = `
  SELECT c.oid::regclass::text AS name, problem.msg AS message
  FROM pg_class c, LATERAL verify_heapam(c.oid, on_error_stop => true) AS problem
  WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p'
  LIMIT ${problemsMax}`

/** What is wrong, one line each; none when all is sound. The server must take writes: it gets the extension. */
export async function checkStructure(connection: PostgresConnection): Promise<string[]> {
  await connection.query(`SET statement_timeout = ${checkTimeoutMs}`)
  await connection.query('SET search_path = pg_catalog')
  await connection.query('CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pg_catalog')
  const indexes = await connection.query<{ name: string; oid: number }>(indexesSql)
  const problems: string[] = []
  // All at once, which takes a thousandth of one by one; only where something is wrong each by itself.
  const all = `SELECT bt_index_check(oid, true) FROM unnest($1::oid[]) AS oid`
  if ((await attempt(connection, all, [indexes.map(({ oid }) => oid)])) !== undefined)
    for (const { name, oid } of indexes) {
      const problem = await attempt(connection, 'SELECT bt_index_check($1::oid, true)', [oid])
      if (problem !== undefined) problems.push(`index ${name}: ${problem}`)
      if (problems.length >= problemsMax) return problems
    }
  try {
    const found = await connection.query<{ name: string; message: string }>(heapsSql, [], checkTimeoutMs)
    problems.push(...found.map(({ name, message }) => `table ${name}: ${message}`))
  } catch (error) {
    problems.push(`tables: ${describeError(error)}`)
  }
  return problems
}

async function attempt(connection: PostgresConnection, sql: string, values: unknown[]): Promise<string | undefined> {
  return connection.query(sql, values, checkTimeoutMs).then(() => undefined, describeError)
}
