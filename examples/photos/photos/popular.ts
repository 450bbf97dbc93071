// The most liked photos of the last day, of all slots. Everybody sees the same list, so it is made every ten seconds at most.

import type { Selectable } from 'kysely'
import type { PhotosTable } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import { cardOf, type PhotoCard } from './card.ts'

const popularMax = 30
const dayMs = 86_400_000

export async function popularPhotos({ db, cache }: AppTiers): Promise<PhotoCard[]> {
  return await cache.wrap('popular', { ttl: '10s' }, async () => {
    const since = new Date(Date.now() - dayMs)
    const rows = await db.scatter<Selectable<PhotosTable>>(
      (slots) =>
        slots
          .selectFrom('photos')
          .selectAll()
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
