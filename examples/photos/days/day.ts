// Days of UTC, and what was best on one that is over.

import type { Database } from 'tenfold'
import type { PhotoCard } from '../photos/card.ts'
import { cardsOf } from '../photos/cards.ts'
import { likesOf, type PhotoRow, selectPhotos } from '../photos/rows.ts'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'

const placesMax = 12
const dayMs = 86_400_000

export function dayBefore(now: Date): string {
  return new Date(now.getTime() - dayMs).toISOString().slice(0, 10)
}

/** Writes down the most liked photos of a day, once: a day that is written stays as it is. */
export async function keepDay(db: Database<Schema>, day: string): Promise<void> {
  const [first, ...others] = (await mostLiked(db, day)).map((row, index) => ({
    day,
    place: index + 1,
    owner_id: row.user_id,
    photo_id: row.photo_id,
    likes: likesOf(row),
  }))
  if (!first) return
  await db.of(day).transaction(async (tx) => {
    // Whoever has written the first place writes the others; a second run at the same time waits here, and leaves it.
    const made = await tx
      .insertInto('days')
      .values(first)
      .onConflict((conflict) => conflict.columns(['day', 'place']).doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows === 0n || others.length === 0) return
    await tx.insertInto('days').values(others).execute()
  })
}

async function mostLiked(db: Database<Schema>, day: string): Promise<PhotoRow[]> {
  const from = new Date(`${day}T00:00:00Z`)
  const to = new Date(from.getTime() + dayMs)
  const order = [
    { column: 'like_count', direction: 'desc' },
    { column: 'photo_id', direction: 'desc' },
  ] as const
  return await db.scatter<PhotoRow>(
    (slots) =>
      selectPhotos(slots)
        .where('created_at', '>=', from)
        .where('created_at', '<', to)
        .where('status', '=', 'ready')
        .where('like_count', '>', 0)
        .orderBy('like_count', 'desc')
        .orderBy('photo_id', 'desc')
        .limit(placesMax),
    { orderBy: order, limit: placesMax },
  )
}

/** The best first; empty while the day is not over. The cards show what the photos have now. */
export async function bestOfDay(tiers: AppTiers, day: string): Promise<PhotoCard[]> {
  const places = await tiers.cache.wrap(`day:${day}`, { ttl: '1m' }, () =>
    tiers.db
      .of(day)
      .selectFrom('days')
      .select(['owner_id as userId', 'photo_id as photoId'])
      .where('day', '=', day)
      .orderBy('place')
      .execute(),
  )
  return await cardsOf(tiers, places)
}
