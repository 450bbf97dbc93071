// New followers see what the followed one has shown already. They were counted before this reads photos, and a photo is
// ready before its push reads followers: whichever comes first, one of the two sees the other.

import type { Database } from 'tenfold'
import { fresh } from '../fresh.ts'
import { photosOf } from '../photos/list.ts'
import type { Schema } from '../schema.ts'
import { insertEntries } from './entries.ts'

const backfillMax = 20

export async function backfillFeeds(
  db: Database<Schema>,
  followeeId: string,
  followerIds: readonly string[],
): Promise<void> {
  const photos = await fresh(db, followeeId, (from) =>
    photosOf(from, followeeId, { limit: backfillMax }, { onlyReady: true }),
  )
  await insertEntries(
    db,
    followerIds.flatMap((readerId) => photos.map((photo) => ({ readerId, userId: followeeId, photoId: photo.id }))),
  )
}
