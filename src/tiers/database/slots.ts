// The names of slots, and which tables live in them.

import { TenfoldError } from '../../base/errors.ts'
import type { Key } from './contract.ts'
import { type KeyKind, slotCount, slotOfInteger, slotOfText } from './hash.ts'

/** The PostgreSQL schema of a slot: `slot_000` .. `slot_063`. */
export function schemaOfSlot(slot: number): string {
  return `slot_${String(slot).padStart(3, '0')}`
}

/** What the router must know of the database. */
export interface Catalog {
  /** Names of the sharded tables of schema public. A table that is not among them is a reference table. */
  readonly sharded: ReadonlySet<string>
  /** How the app's sharding keys are hashed; undefined while it has no sharded table. */
  readonly kind: KeyKind | undefined
}

export const emptyCatalog: Catalog = { sharded: new Set(), kind: undefined }

/** The column types that a table may be sharded by. */
export const keyKinds: Readonly<Record<string, KeyKind>> = {
  int2: 'int8',
  int4: 'int8',
  int8: 'int8',
  text: 'text',
  varchar: 'text',
}

/** Tables of tiers begin so. Their keys are of a kind of their own; tiers hash them themselves and use db.slot(). */
export const tierPrefix = 'tenfold_'

/** Every hash-partitioned table of schema public with its sharding column's type. Partitions of partitions are none. */
export const catalogQuery = `
  SELECT c.relname AS name, t.typname AS type
    FROM pg_partitioned_table p
    JOIN pg_class c ON c.oid = p.partrelid AND NOT c.relispartition
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
    JOIN pg_type t ON t.oid = a.atttypid
   WHERE p.partstrat = 'h'
   ORDER BY c.relname`

/** The migration runner has seen to it that all of the app's sharded tables have one kind of key. */
export function catalogOf(rows: ReadonlyArray<{ name: string; type: string }>): Catalog {
  const own = rows.find(({ name }) => !name.startsWith(tierPrefix))
  return { sharded: new Set(rows.map(({ name }) => name)), kind: own && keyKinds[own.type] }
}

/**
 * The slot of an app's key. The type of the sharding columns decides how it is hashed, not the key's own type: a bigint
 * column is read as a decimal string, and both '42' and 42 must find its rows.
 */
export function slotOfKey(key: Key, { kind }: Catalog): number {
  if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint')
    throw new TenfoldError(
      'bad-input',
      `a sharding key is a string, number or bigint; got ${key === null ? 'null' : typeof key}`,
    )
  const isInteger = kind === undefined ? typeof key !== 'string' : kind === 'int8'
  return isInteger ? slotOfInteger(key) : slotOfText(String(key))
}

export const allSlots: readonly number[] = Array.from({ length: slotCount }, (_, slot) => slot)
