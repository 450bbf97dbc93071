// The other side of a follow: the followed one's count and list of followers, then the feeds of the followers. Handlers may run
// twice: the row of (followed, follower) is the memory of what was counted.
//
// Follows come many at once and are put together by whom they are of: somebody whom a thousand people follow in a minute is
// counted up some times, not a thousand.

import type { Database } from 'tenfold'
import { eachGroup } from '../batches.ts'
import { backfillFeeds } from '../feed/backfill.ts'
import { fresh } from '../fresh.ts'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import { celebrityFollowersMin } from './celebrity.ts'
import { followersAfter } from './followers.ts'

/** Two calls at once in each process; each follower gets some feed entries, so that a batch is no long wait. */
const batches = { concurrency: 2, batchMax: 100, batchWaitMs: 50 }
const followersPerBatch = 500
/** See feed/jobs.ts. */
const deduplicationWindowMs = 600_000

export function followJobs(tiers: AppTiers): void {
  const { jobs, db } = tiers
  jobs.followMade.handleMany(batches, (follows) =>
    eachGroup(
      follows,
      ({ payload }) => payload.followeeId,
      async (group) => {
        const { followeeId } = group[0].payload
        const followerIds = [...new Set(group.map(({ payload }) => payload.userId))].sort()
        const isCelebrity = await countFollowers(tiers, followeeId, followerIds)
        if (isCelebrity) await setPulled(db, followerIds, followeeId)
        else await backfillFeeds(db, followeeId, followerIds)
      },
    ),
  )

  jobs.celebrityMade.handle({ concurrency: 1 }, async ({ payload: { userId, after } }) => {
    const batch = await fresh(db, userId, (from) => followersAfter(from, userId, after, followersPerBatch))
    await setPulled(db, batch.ids, userId)
    if (batch.after === undefined) return
    const deduplicationId = `celebrity:${userId}:${batch.after}`
    await jobs.celebrityMade.publish({ userId, after: batch.after }, { deduplicationId, deduplicationWindowMs })
  })
}

/** True when the followed one is a celebrity, these followers counted. */
async function countFollowers(
  { db, jobs }: AppTiers,
  followeeId: string,
  followerIds: readonly string[],
): Promise<boolean> {
  return await db.of(followeeId).transaction(async (tx) => {
    const made = await tx
      .insertInto('followers')
      .values(followerIds.map((follower_id) => ({ user_id: followeeId, follower_id })))
      .onConflict((conflict) => conflict.columns(['user_id', 'follower_id']).doNothing())
      .executeTakeFirst()
    // Counting by zero, too, takes the row's lock, so that who comes second knows what the first one made.
    const { follower_count, is_celebrity } = await tx
      .updateTable('users')
      .set((user) => ({ follower_count: user('follower_count', '+', Number(made.numInsertedOrUpdatedRows)) }))
      .where('user_id', '=', followeeId)
      .returning(['follower_count', 'is_celebrity'])
      .executeTakeFirstOrThrow()
    if (is_celebrity || follower_count < celebrityFollowersMin) return is_celebrity
    await tx.updateTable('users').set({ is_celebrity: true }).where('user_id', '=', followeeId).execute()
    await jobs.celebrityMade.in(tx).publish({ userId: followeeId })
    return true
  })
}

async function setPulled(db: Database<Schema>, followerIds: readonly string[], followeeId: string): Promise<void> {
  for (const ids of Map.groupBy(followerIds, (id) => db.slotOf(id)).values()) {
    const [first] = ids
    if (first === undefined) continue
    await db
      .of(first)
      .updateTable('following')
      .set({ is_pulled: true })
      .where('user_id', 'in', ids)
      .where('followee_id', '=', followeeId)
      .execute()
  }
}
