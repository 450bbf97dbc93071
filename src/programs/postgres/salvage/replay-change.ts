// Does one lost change again, or says why not. Runs inside a transaction of the replay.
//
// The session is one of session_replication_role = replica: triggers have had their effect on the dead primary, and what
// they wrote is in the log as changes of their own. Foreign keys are triggers, too, so that they are looked after here;
// cascades came as changes like any other.

import { type Client, escapeIdentifier } from 'pg'
import { ReplayConflict } from './conflict.ts'
import { checksOf, type ForeignKeyCheck } from './foreign-keys.ts'
import type { SalvagedChange, SalvagedRow } from './format.ts'
import { isOlder } from './row-age.ts'
import type { TargetTable, TargetTables } from './target-table.ts'

export interface ReplayContext {
  client: Client
  tables: TargetTables
  promotedXid: bigint
  /** Whether `xmin` is this transaction's own, or that of an earlier one of this replay. */
  isOfReplay(xmin: bigint): boolean
}

/** @throws ReplayConflict. Answers what must hold at the end of the transaction. */
export async function replayChange(context: ReplayContext, change: SalvagedChange): Promise<ForeignKeyCheck[]> {
  if (change.kind === 'truncate') throw new ReplayConflict('truncate', change)
  if (change.schema === 'tenfold' && change.table === 'migrations') throw new ReplayConflict('schema-change', change)
  if (change.key === null) throw new ReplayConflict('no-key', change)
  const table = await context.tables.find(change)
  if (!table) throw new ReplayConflict('no-table', change)
  if (!isSame(table.key, Object.keys(change.key))) throw new ReplayConflict('other-key', change)
  // Such a constraint is a trigger, and triggers are off.
  if (table.isUniqueLate && change.kind !== 'delete')
    throw new ReplayConflict(
      'refused',
      change,
      'the table has a deferrable unique constraint, which a replay cannot check',
    )
  if (change.kind === 'insert') return insert(context, table, change)
  const before = await lockUnchanged(context, table, change, change.key)
  return change.kind === 'delete'
    ? remove(context, table, change, before, change.key)
    : update(context, table, change, before, change.key)
}

async function insert({ client }: ReplayContext, table: TargetTable, change: SalvagedChange) {
  const values = Object.entries(change.values ?? {}).filter(([column]) => !table.generated.has(column))
  const columns = values.map(([column]) => escapeIdentifier(column)).join(', ')
  const places = values.map((_, index) => `$${index + 1}`).join(', ')
  await client.query(
    `INSERT INTO ${table.sql} (${columns}) OVERRIDING SYSTEM VALUE VALUES (${places})`,
    values.map(([, value]) => value),
  )
  return checksOf({ table, change, key: change.key as SalvagedRow, before: undefined, isThere: true })
}

async function update(
  { client }: ReplayContext,
  table: TargetTable,
  change: SalvagedChange,
  before: SalvagedRow,
  key: SalvagedRow,
) {
  const values = Object.entries(change.values ?? {}).filter(
    ([column, value]) => !table.generated.has(column) && !(table.alwaysIdentity.has(column) && key[column] === value),
  )
  const sets = values.map(([column], index) => `${escapeIdentifier(column)} = $${index + 1}`)
  const where = whereKey(key, values.length)
  if (sets.length > 0)
    await client.query(`UPDATE ${table.sql} SET ${sets.join(', ')} WHERE ${where.sql}`, [
      ...values.map(([, value]) => value),
      ...where.values,
    ])
  const newKey = Object.fromEntries(
    Object.keys(key).map((column) => [column, change.values?.[column] ?? key[column] ?? null]),
  )
  return checksOf({ table, change, key: newKey, before, isThere: true })
}

async function remove(
  { client }: ReplayContext,
  table: TargetTable,
  change: SalvagedChange,
  before: SalvagedRow,
  key: SalvagedRow,
) {
  const where = whereKey(key)
  await client.query(`DELETE FROM ${table.sql} WHERE ${where.sql}`, where.values)
  return checksOf({ table, change, key, before, isThere: false })
}

/** Locks the row and answers those of its values that other tables point to. */
async function lockUnchanged(
  { client, promotedXid, isOfReplay }: ReplayContext,
  table: TargetTable,
  change: SalvagedChange,
  key: SalvagedRow,
): Promise<SalvagedRow> {
  const where = whereKey(key)
  const pointedTo = [...new Set(table.children.flatMap(({ parentColumns }) => parentColumns))]
  const columns = pointedTo.map((column) => `, ${escapeIdentifier(column)}::text`).join('')
  // The next id comes from the same statement: an older one could mistake a new row for one of the last round of ids.
  const { rows } = await client.query<Array<string | null>>({
    text: `SELECT xmin::text, pg_snapshot_xmax(pg_current_snapshot())::text AS next${columns}
           FROM ${table.sql} WHERE ${where.sql} FOR UPDATE`,
    values: where.values,
    rowMode: 'array',
  })
  const [row] = rows
  if (!row) throw new ReplayConflict('row-gone', change)
  const [xmin, next, ...values] = row
  if (!isOlder(BigInt(xmin ?? 0), BigInt(next ?? 0), promotedXid) && !isOfReplay(BigInt(xmin ?? 0)))
    throw new ReplayConflict('row-changed', change)
  return Object.fromEntries(pointedTo.map((column, index) => [column, values[index] ?? null]))
}

export function whereKey(key: SalvagedRow, offset = 0): { sql: string; values: Array<string | null> } {
  const columns = Object.keys(key)
  return {
    sql: columns.map((column, index) => `${escapeIdentifier(column)} = $${offset + index + 1}`).join(' AND '),
    values: columns.map((column) => key[column] ?? null),
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((column) => b.includes(column))
}
