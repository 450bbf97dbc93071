// Rows of the feed table: which photos were pushed to a reader. Writing one twice changes nothing.

import type { Database } from 'tenfold'
import type { PhotoRef } from '../photos/cards.ts'
import type { Schema } from '../schema.ts'

export interface FeedEntry extends PhotoRef {
  readerId: string
}

/** One statement per slot of the readers. */
export async function insertEntries(db: Database<Schema>, entries: readonly FeedEntry[]): Promise<void> {
  for (const group of Map.groupBy(entries, (entry) => db.slotOf(entry.readerId)).values()) {
    const [first] = group
    if (!first) continue
    await db
      .of(first.readerId)
      .insertInto('feed')
      .values(group.map((entry) => ({ user_id: entry.readerId, photo_id: entry.photoId, owner_id: entry.userId })))
      .onConflict((conflict) => conflict.columns(['user_id', 'photo_id']).doNothing())
      .execute()
  }
}

export async function pushedTo(
  db: Database<Schema>,
  readerId: string,
  before: string | undefined,
  limit: number,
): Promise<PhotoRef[]> {
  let entries = db
    .of(readerId)
    .selectFrom('feed')
    .select(['owner_id as userId', 'photo_id as photoId'])
    .where('user_id', '=', readerId)
    .orderBy('photo_id', 'desc')
    .limit(limit)
  if (before !== undefined) entries = entries.where('photo_id', '<', before)
  return await entries.execute()
}
