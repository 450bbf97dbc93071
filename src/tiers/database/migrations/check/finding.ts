// What a rule says about a statement.

import type { Danger } from './directives.ts'
import { type Schema, type TableBefore, titleOf } from './schema.ts'
import type { Statement } from './sql.ts'

export interface Finding {
  danger: Danger
  table: TableBefore
  /** What happens, which lock is held for how long, and who waits. */
  problem: string
  /** How to do it without; SQL, one statement a line. None where there is no other way. */
  instead: readonly string[]
  /** `warn`: the lock is short, but the release that runs may miss what goes. */
  gravity: 'refuse' | 'warn'
  /** The statement changes as many rows as it finds: PostgreSQL's estimate decides. */
  isByRows?: boolean
}

/** Looks at one statement; several findings when it does several things. */
export type Rule = (statement: Statement, schema: Schema) => Finding[]

export function refuse(
  danger: Danger,
  table: TableBefore | undefined,
  problem: string,
  instead: readonly string[],
): Finding[] {
  return table ? [{ danger, table, problem, instead, gravity: 'refuse' }] : []
}

export function warn(table: TableBefore | undefined, problem: string, instead: readonly string[] = []): Finding[] {
  return table ? [{ danger: 'removal', table, problem, instead, gravity: 'warn' }] : []
}

/** A name as SQL needs it. */
export function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export function sqlName(table: TableBefore): string {
  const name = quoted(table.name)
  return table.schema === 'public' ? name : `${quoted(table.schema)}.${name}`
}

export function sizeOf({ bytes }: TableBefore): string {
  const mega = bytes / 1_000_000
  return mega >= 1000 ? `${(mega / 1000).toFixed(1)} GB` : `${mega >= 10 ? Math.round(mega) : mega.toFixed(1)} MB`
}

/** Names a table in a sentence: `photos (1.2 GB)`. */
export function withSize(table: TableBefore): string {
  return `${titleOf(table)} (${sizeOf(table)})`
}
