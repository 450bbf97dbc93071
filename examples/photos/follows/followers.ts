// Followers in batches, in the order of their ids: a job takes one batch and leaves the rest to its successor.

import type { Reader } from '../fresh.ts'

export interface FollowerBatch {
  ids: string[]
  /** Where the next batch begins; undefined when this is the last. */
  after: string | undefined
}

export async function followersAfter(
  from: Reader,
  userId: string,
  after: string | undefined,
  limit: number,
): Promise<FollowerBatch> {
  let followers = from
    .selectFrom('followers')
    .select('follower_id')
    .where('user_id', '=', userId)
    .orderBy('follower_id')
    .limit(limit)
  if (after !== undefined) followers = followers.where('follower_id', '>', after)
  const ids = (await followers.execute()).map((row) => row.follower_id)
  return { ids, after: ids.length === limit ? ids.at(-1) : undefined }
}
