// Counting likes, many at once: a photo that a thousand people like in a second has its row written some times, not a thousand.
// It may run twice: what is counted is gone from likes_uncounted by the same statement. Of the jobs of one photo the first does
// it all, and the others find nothing.

import { sql } from 'kysely'
import type { Database } from 'tenfold'
import { eachGroup } from '../batches.ts'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import type { PhotoRef } from './cards.ts'

/** One call at once in each process: it takes what came in the meantime, so the busier it is the more it saves. */
const batches = { concurrency: 1, batchMax: 500, batchWaitMs: 100 }

export function likeJobs({ jobs, db }: AppTiers): void {
  jobs.photoLiked.handleMany(batches, (liked) =>
    eachGroup(
      liked,
      ({ payload }) => payload.photoId,
      ([{ payload }]) => countLikes(db, payload),
    ),
  )
}

async function countLikes(db: Database<Schema>, { userId, photoId }: PhotoRef): Promise<void> {
  await db
    .of(userId)
    .with('counted', (slot) =>
      slot
        .deleteFrom('likes_uncounted')
        .where('user_id', '=', userId)
        .where('photo_id', '=', photoId)
        .returning('liker_id'),
    )
    .updateTable('photos')
    .set({ like_count: sql<number>`like_count + (select count(*) from counted)` })
    .where('user_id', '=', userId)
    .where('photo_id', '=', photoId)
    .where(({ exists, selectFrom }) => exists(selectFrom('counted').select('liker_id')))
    .execute()
}
