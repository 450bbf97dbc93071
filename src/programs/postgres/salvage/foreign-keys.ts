// Looks after foreign keys while their triggers are off. What must hold at the end of a transaction is noted with each
// change, asked at once, and only what does not hold yet is kept to be asked again at the end: a row may come before the
// one that it points to.

import { type Client, escapeIdentifier } from 'pg'
import { type ConflictReason, ReplayConflict } from './conflict.ts'
import type { SalvagedChange, SalvagedRow } from './format.ts'
import type { ForeignKey, TargetTable } from './target-table.ts'

/** What a single transaction may leave open until its end. */
const openChecksMax = 100_000

export interface ForeignKeyCheck {
  change: SalvagedChange
  reason: ConflictReason
  constraint: string
  holds(client: Client): Promise<boolean>
}

export function checksOf({
  table,
  change,
  key,
  before,
  isThere,
}: {
  table: TargetTable
  change: SalvagedChange
  /** As it is after the change. */
  key: SalvagedRow
  /** Values that others point to, before the change; undefined for a new row. */
  before: SalvagedRow | undefined
  isThere: boolean
}): ForeignKeyCheck[] {
  const parents = isThere ? table.parents : []
  return [
    ...parents.map((foreignKey) => ({
      change,
      reason: 'parent-missing' as const,
      constraint: foreignKey.name,
      holds: (client: Client) => hasParent(client, table, foreignKey, key),
    })),
    ...table.children.flatMap((foreignKey) => {
      const values = foreignKey.parentColumns.map((column) => before?.[column] ?? null)
      if (values.includes(null)) return []
      const isChildless = (client: Client) => isFreeOf(client, foreignKey, values)
      return [{ change, reason: 'still-referenced' as const, constraint: foreignKey.name, holds: isChildless }]
    }),
  ]
}

/** The checks that do not hold yet. */
export class OpenChecks {
  #open: ForeignKeyCheck[] = []

  async note(client: Client, checks: readonly ForeignKeyCheck[]): Promise<void> {
    for (const check of checks) {
      if (await check.holds(client)) continue
      if (this.#open.length >= openChecksMax) throw conflictOf(check)
      this.#open.push(check)
    }
  }

  /** @throws ReplayConflict for the first one that does not hold. */
  async settle(client: Client): Promise<void> {
    for (const check of this.#open.splice(0)) if (!(await check.holds(client))) throw conflictOf(check)
  }
}

function conflictOf({ reason, change, constraint }: ForeignKeyCheck): ReplayConflict {
  const what = reason === 'parent-missing' ? 'has nothing to point to' : 'still points to this row'
  return new ReplayConflict(reason, change, `the foreign key ${constraint} ${what}`)
}

/** Locks the parent as the constraint's own trigger would, so that nobody deletes it before we commit. */
async function hasParent(
  client: Client,
  table: TargetTable,
  { childColumns, parentTable, parentColumns }: ForeignKey,
  key: SalvagedRow,
): Promise<boolean> {
  const columns = Object.keys(key)
  const where = columns.map((column, index) => `${escapeIdentifier(column)} = $${index + 1}`).join(' AND ')
  const pointers = childColumns.map((column) => `${escapeIdentifier(column)}::text`).join(', ')
  const child = await client.query<Array<string | null>>({
    text: `SELECT ${pointers} FROM ${table.sql} WHERE ${where}`,
    values: columns.map((column) => key[column] ?? null),
    rowMode: 'array',
  })
  const [values] = child.rows
  // Gone again within this transaction, or pointing nowhere (MATCH SIMPLE).
  if (!values || values.includes(null)) return true
  return hasRow(client, parentTable, parentColumns, values, 'FOR KEY SHARE')
}

/** Nobody points to the old values, unless a row with them is there again. */
async function isFreeOf(
  client: Client,
  { childTable, childColumns, parentTable, parentColumns }: ForeignKey,
  values: ReadonlyArray<string | null>,
): Promise<boolean> {
  if (await hasRow(client, parentTable, parentColumns, values)) return true
  return !(await hasRow(client, childTable, childColumns, values))
}

async function hasRow(
  client: Client,
  table: string,
  columns: readonly string[],
  values: ReadonlyArray<string | null>,
  lock = '',
): Promise<boolean> {
  const where = columns.map((column, index) => `${escapeIdentifier(column)} = $${index + 1}`).join(' AND ')
  const { rows } = await client.query(`SELECT FROM ${table} WHERE ${where} LIMIT 1 ${lock}`, [...values])
  return rows.length > 0
}
