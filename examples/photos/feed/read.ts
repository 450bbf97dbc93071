// A feed: the photos that were pushed, merged with those of the celebrities that one follows, newest first.

import type { ListQuery } from '../input.ts'
import type { PhotoCard } from '../photos/card.ts'
import { cardsOf, type PhotoRef } from '../photos/cards.ts'
import { photosOf } from '../photos/list.ts'
import type { AppTiers } from '../tiers.ts'
import { pushedTo } from './entries.ts'

const celebritiesPulledMax = 200

export async function readFeed(tiers: AppTiers, readerId: string, list: ListQuery): Promise<PhotoCard[]> {
  const [pushed, pulled] = await Promise.all([
    pushedTo(tiers.db, readerId, list.before, list.limit),
    pullFor(tiers, readerId, list),
  ])
  // A photo from before its owner was a celebrity comes both ways.
  const newest = new Map([...pushed, ...pulled].map((ref) => [ref.photoId, ref]))
  const refs = [...newest.values()].sort((a, b) => (a.photoId < b.photoId ? 1 : -1)).slice(0, list.limit)
  return await cardsOf(tiers, refs)
}

async function pullFor(tiers: AppTiers, readerId: string, list: ListQuery): Promise<PhotoRef[]> {
  const celebrities = await tiers.db
    .of(readerId)
    .selectFrom('following')
    .select('followee_id')
    .where('user_id', '=', readerId)
    .where('is_pulled', '=', true)
    .limit(celebritiesPulledMax)
    .execute()
  const photos = await Promise.all(
    celebrities.map((celebrity) => photosOfCelebrity(tiers, celebrity.followee_id, list)),
  )
  return photos.flat()
}

/** All their followers ask for the same photos, so the first page is remembered. */
async function photosOfCelebrity({ db, cache }: AppTiers, userId: string, list: ListQuery): Promise<PhotoRef[]> {
  const load = async () => {
    const photos = await photosOf(db.of(userId), userId, list, { onlyReady: true })
    return photos.map((photo) => ({ userId, photoId: photo.id }))
  }
  if (list.before !== undefined) return await load()
  return await cache.wrap(`newest:${userId}:${list.limit}`, { ttl: '2s' }, load)
}
