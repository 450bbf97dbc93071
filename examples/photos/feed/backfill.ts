// A new follower sees what the followed one has shown already. The follower was counted before this reads photos, and a photo is
// ready before its push reads followers: whichever comes first, one of the two sees the other.

import type { Database } from 'tenfold'
import { fresh } from '../fresh.ts'
import { photosOf } from '../photos/list.ts'
import type { Schema } from '../schema.ts'
import { insertEntries } from './entries.ts'

const backfillMax = 20

export async function backfillFeed(
  db: Database<Schema>,
  { userId, followeeId }: { userId: string; followeeId: string },
): Promise<void> {
  const photos = await fresh(db, followeeId, (from) =>
    photosOf(from, followeeId, { limit: backfillMax }, { onlyReady: true }),
  )
  await insertEntries(
    db,
    photos.map((photo) => ({ readerId: userId, userId: followeeId, photoId: photo.id })),
  )
}
