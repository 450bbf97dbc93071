// Reading what is true now. A plain read may be answered by a replica that is a little behind; a transaction is always the
// primary's. Jobs read fresh, since a job that finds nothing is done; a page does so only before it says "not found".

import type { Transaction } from 'kysely'
import type { Database, Key, SlotDatabase } from 'tenfold'
import type { Schema } from './schema.ts'

/** A slot or a transaction in it. */
export type Reader = Pick<SlotDatabase<Schema>, 'selectFrom'>

export async function fresh<T>(
  db: Database<Schema>,
  key: Key,
  read: (from: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  return await db.of(key).transaction(read)
}

/** What `find` finds, wherever it is quickest; only when that is nothing, what the primary knows. */
export async function found<T>(
  db: Database<Schema>,
  key: Key,
  find: (from: Reader) => Promise<T | undefined>,
): Promise<T | undefined> {
  return (await find(db.of(key))) ?? (await fresh(db, key, find))
}
