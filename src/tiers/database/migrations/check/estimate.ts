// How many rows PostgreSQL expects a statement to change, by its own planner and without running it.

import type { OwnerConnection } from '../owner-connection.ts'
import type { Statement } from './sql.ts'

interface Plan {
  'Node Type': string
  'Plan Rows': number
  Plans?: Plan[]
}

/** Undefined when the statement cannot be planned yet: it names a column that a statement before it will make. */
export async function estimateRows(owner: OwnerConnection, { text }: Statement): Promise<number | undefined> {
  try {
    const [row] = await owner.query<{ 'QUERY PLAN': Array<{ Plan: Plan }> }>(`EXPLAIN (FORMAT JSON) ${text}`)
    return row && rowsOf(row['QUERY PLAN'][0]?.Plan)
  } catch (error) {
    if ((error as { code?: string }).code === 'unavailable') throw error
    return undefined
  }
}

/** ModifyTable itself says 0 when it returns nothing; what is below it feeds it. */
function rowsOf(plan: Plan | undefined): number {
  if (!plan) return 0
  const below = (plan.Plans ?? []).reduce((most, child) => Math.max(most, rowsOf(child)), 0)
  return Math.max(plan['Plan Rows'], below)
}
