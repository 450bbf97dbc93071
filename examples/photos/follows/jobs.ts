// The other side of a follow: the followed one's count and list of followers, then the follower's feed. Handlers may run twice: the
// row of (followed, follower) is the memory of what was counted.

import type { Database } from 'tenfold'
import { backfillFeed } from '../feed/backfill.ts'
import { fresh } from '../fresh.ts'
import type { Schema } from '../schema.ts'
import type { AppTiers, Jobs } from '../tiers.ts'
import { celebrityFollowersMin } from './celebrity.ts'
import { followersAfter } from './followers.ts'

const followsAtOnce = 4
const followersPerBatch = 500

type Follow = Jobs['follow.made']

export function followJobs(tiers: AppTiers): void {
  const { queue, db } = tiers
  queue.handle<Follow>('follow.made', { concurrency: followsAtOnce }, async ({ payload }) => {
    const isCelebrity = await countFollower(tiers, payload)
    if (isCelebrity) await setPulled(db, [payload.userId], payload.followeeId)
    else await backfillFeed(db, payload)
  })

  queue.handle<Jobs['celebrity.made']>('celebrity.made', { concurrency: 1 }, async ({ payload }) => {
    const batch = await fresh(db, payload.userId, (from) =>
      followersAfter(from, payload.userId, payload.after, followersPerBatch),
    )
    await setPulled(db, batch.ids, payload.userId)
    if (batch.after === undefined) return
    const job: Jobs['celebrity.made'] = { userId: payload.userId, after: batch.after }
    await queue.publish('celebrity.made', job, { deduplicationId: `celebrity:${payload.userId}:${batch.after}` })
  })
}

/** True when the followed one is a celebrity, this follower counted. */
async function countFollower({ db, queue }: AppTiers, { userId, followeeId }: Follow): Promise<boolean> {
  return await db.of(followeeId).transaction(async (tx) => {
    const made = await tx
      .insertInto('followers')
      .values({ user_id: followeeId, follower_id: userId })
      .onConflict((conflict) => conflict.columns(['user_id', 'follower_id']).doNothing())
      .executeTakeFirst()
    const step = made.numInsertedOrUpdatedRows === 0n ? 0 : 1
    // Counting by zero, too, takes the row's lock, so that who comes second knows what the first one made.
    const { follower_count, is_celebrity } = await tx
      .updateTable('users')
      .set((user) => ({ follower_count: user('follower_count', '+', step) }))
      .where('user_id', '=', followeeId)
      .returning(['follower_count', 'is_celebrity'])
      .executeTakeFirstOrThrow()
    if (is_celebrity || follower_count < celebrityFollowersMin) return is_celebrity
    await tx.updateTable('users').set({ is_celebrity: true }).where('user_id', '=', followeeId).execute()
    const job: Jobs['celebrity.made'] = { userId: followeeId }
    await queue.in(tx).publish('celebrity.made', job)
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
