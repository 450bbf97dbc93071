// A photo that became ready goes into the feeds of its owner's followers, one batch of them per job, unless the owner is a
// celebrity. The first batch of every photo goes before the rest of those that have more: nobody waits behind the popular ones.

import { type FollowerBatch, followersAfter } from '../follows/followers.ts'
import { fresh, type Reader } from '../fresh.ts'
import type { AppTiers } from '../tiers.ts'
import { insertEntries } from './entries.ts'

const pushesAtOnce = 4
const followersPerBatch = 500
/** A batch that runs twice, its worker being killed, is not followed by two chains of the rest. */
const deduplicationWindowMs = 600_000

export function feedJobs({ jobs, db }: AppTiers): void {
  jobs.photoReady.handle({ concurrency: pushesAtOnce }, async ({ payload: { userId, photoId, after } }) => {
    const batch = await fresh(db, userId, (from) => pushedFollowers(from, userId, after))
    await insertEntries(
      db,
      batch.ids.map((readerId) => ({ readerId, userId, photoId })),
    )
    if (batch.after === undefined) return
    const deduplicationId = `push:${photoId}:${batch.after}`
    await jobs.photoReady.publish({ userId, photoId, after: batch.after }, { deduplicationId, deduplicationWindowMs })
  })
}

async function pushedFollowers(from: Reader, userId: string, after: string | undefined): Promise<FollowerBatch> {
  const owner = await from.selectFrom('users').select('is_celebrity').where('user_id', '=', userId).executeTakeFirst()
  if (owner?.is_celebrity) return { ids: [], after: undefined }
  return await followersAfter(from, userId, after, followersPerBatch)
}
