// Why a lost transaction was left out of a replay. Nothing of it has happened then.

import type { SalvagedChange } from './format.ts'

export const conflictReasons = {
  'row-exists': 'a row with this key, or another value that must be unique, is there by now',
  'row-gone': 'the row is not there any more',
  'row-changed': 'the row was written after the failover',
  'depends-on-left-out': 'the row was written by an earlier lost transaction that was left out',
  'no-key': 'the log does not say which row it is: the table has no primary key or replica identity',
  'no-table': 'the table is not there',
  'other-key': 'the table has another key by now',
  'parent-missing': 'a foreign key has nothing to point to',
  'still-referenced': 'other rows point to this one by a foreign key',
  truncate: 'a TRUNCATE is never replayed',
  'schema-change': 'the transaction changed the schema: migrate first',
  moved: 'its slot lives on another shard by now, where nobody can tell who wrote the row last',
  refused: 'the server refused it',
} as const

export type ConflictReason = keyof typeof conflictReasons

export class ReplayConflict extends Error {
  override name = 'ReplayConflict'
  readonly reason: ConflictReason
  readonly change: SalvagedChange

  constructor(reason: ConflictReason, change: SalvagedChange, detail?: string) {
    super(detail ?? conflictReasons[reason])
    this.reason = reason
    this.change = change
  }
}
