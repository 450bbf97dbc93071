// Changes of a column's type that PostgreSQL makes without touching a row: the new type holds every old value as it is.
// Source: the support functions varchar_support, numeric_support, varbit_support, timestamp_support (PostgreSQL 18,
// src/backend/utils/adt) and pg_cast's binary-coercible pairs.
//
// Worked example: typmod of varchar(10) is 14, of numeric(10,2) ((10 << 16) | 2) + 4 = 655366.

import type { ColumnBefore } from './schema.ts'

type Type = Pick<ColumnBefore, 'type' | 'typmod'>

/** Types that are stored alike, whatever their length. */
const sameStorage: ReadonlyArray<[from: string, to: string]> = [
  ['varchar', 'text'],
  ['text', 'varchar'],
  ['cidr', 'inet'],
  ['bit', 'varbit'],
]
const withPrecision = new Set(['timestamp', 'timestamptz', 'time', 'timetz', 'varbit', 'varchar'])

/** Whether the change neither rewrites the table nor reads it. */
export function isWidening(from: Type, to: Type): boolean {
  if (from.type !== to.type) return to.typmod === -1 && sameStorage.some(([a, b]) => a === from.type && b === to.type)
  if (from.typmod === to.typmod || to.typmod === -1) return from.typmod === to.typmod || canLoseLength(from.type)
  if (from.typmod === -1) return false
  if (from.type === 'numeric') {
    const [a, b] = [from.typmod - 4, to.typmod - 4]
    return (b & 0x7ff) === (a & 0x7ff) && b >> 16 >= a >> 16
  }
  return withPrecision.has(from.type) && to.typmod > from.typmod
}

function canLoseLength(type: string): boolean {
  return type === 'numeric' || withPrecision.has(type)
}
