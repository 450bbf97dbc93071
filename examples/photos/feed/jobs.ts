// A photo that became ready goes into the feeds of its owner's followers, one batch of them per job, unless the owner is a celebrity.

import { type FollowerBatch, followersAfter } from '../follows/followers.ts'
import { fresh, type Reader } from '../fresh.ts'
import type { AppTiers, Jobs } from '../tiers.ts'
import { insertEntries } from './entries.ts'

const pushesAtOnce = 4
const followersPerBatch = 500

export function feedJobs({ queue, db }: AppTiers): void {
  queue.handle<Jobs['photo.ready']>('photo.ready', { concurrency: pushesAtOnce }, async ({ payload }) => {
    const { userId, photoId } = payload
    const batch = await fresh(db, userId, (from) => pushedFollowers(from, payload))
    await insertEntries(
      db,
      batch.ids.map((readerId) => ({ readerId, userId, photoId })),
    )
    if (batch.after === undefined) return
    const job: Jobs['photo.ready'] = { userId, photoId, after: batch.after }
    await queue.publish('photo.ready', job, { deduplicationId: `push:${photoId}:${batch.after}` })
  })
}

async function pushedFollowers(from: Reader, { userId, after }: Jobs['photo.ready']): Promise<FollowerBatch> {
  const owner = await from.selectFrom('users').select('is_celebrity').where('user_id', '=', userId).executeTakeFirst()
  if (owner?.is_celebrity) return { ids: [], after: undefined }
  return await followersAfter(from, userId, after, followersPerBatch)
}
