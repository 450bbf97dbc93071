// The most liked photos of the last day, of all slots. Everybody sees the same list, so it is made every ten seconds at most.

import type { AppTiers } from '../tiers.ts'
import { cardOf, type PhotoCard } from './card.ts'
import { type PhotoRow, selectPhotos } from './rows.ts'

const popularMax = 30
const dayMs = 86_400_000

export async function popularPhotos({ db, cache }: AppTiers): Promise<PhotoCard[]> {
  return await cache.wrap('popular', { ttl: '10s' }, async () => {
    const since = new Date(Date.now() - dayMs)
    const rows = await db.scatter<PhotoRow>(
      (slots) =>
        selectPhotos(slots)
          .where('created_at', '>', since)
          .where('status', '=', 'ready')
          .orderBy('like_count', 'desc')
          .orderBy('photo_id', 'desc')
          .limit(popularMax),
      {
        orderBy: [
          { column: 'like_count', direction: 'desc' },
          { column: 'photo_id', direction: 'desc' },
        ],
        limit: popularMax,
      },
    )
    return rows.map(cardOf)
  })
}
