// Following is written where the follower lives; a job tells the other side.

import { type Database, TenfoldError } from 'tenfold'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import { profileOf } from '../users/profile.ts'

const followingMax = 5_000

/** May be repeated. @throws not-found, bad-input (oneself), conflict (too many) */
export async function follow(
  { db, jobs, events }: AppTiers,
  userId: string,
  followeeId: string,
): Promise<{ following: true }> {
  if (userId === followeeId) throw new TenfoldError('bad-input', 'nobody can follow oneself')
  await profileOf(db, followeeId)
  await db.of(userId).transaction(async (tx) => {
    const made = await tx
      .insertInto('following')
      .values({ user_id: userId, followee_id: followeeId })
      .onConflict((conflict) => conflict.columns(['user_id', 'followee_id']).doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows === 0n) return
    const { following_count } = await tx
      .updateTable('users')
      .set((user) => ({ following_count: user('following_count', '+', 1) }))
      .where('user_id', '=', userId)
      .returning('following_count')
      .executeTakeFirstOrThrow()
    if (following_count > followingMax)
      throw new TenfoldError('conflict', `you follow ${followingMax} people already, and that is the most`)
    await jobs.followMade.in(tx).publish({ userId, followeeId })
    await events.in(tx).append({ kind: 'followed', userId: followeeId, byId: userId }, { key: followeeId })
  })
  return { following: true }
}

/** Which of some people a user follows. */
export async function followedAmong(
  db: Database<Schema>,
  userId: string,
  people: readonly string[],
): Promise<Set<string>> {
  if (people.length === 0) return new Set()
  const rows = await db
    .of(userId)
    .selectFrom('following')
    .select('followee_id')
    .where('user_id', '=', userId)
    .where('followee_id', 'in', people)
    .execute()
  return new Set(rows.map((row) => row.followee_id))
}
