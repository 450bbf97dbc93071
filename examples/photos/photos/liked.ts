// Which of some photos somebody likes. Likes live with the photos, so it is one statement per slot of their owners.

import type { Database } from 'tenfold'
import type { Schema } from '../schema.ts'
import type { PhotoRef } from './cards.ts'

/** The ids of those that are liked. */
export async function likedAmong(
  db: Database<Schema>,
  photos: readonly PhotoRef[],
  likerId: string,
): Promise<Set<string>> {
  const bySlot = Map.groupBy(photos, (photo) => db.slotOf(photo.userId))
  const liked = await Promise.all([...bySlot.values()].map((group) => likedInSlot(db, group, likerId)))
  return new Set(liked.flat())
}

async function likedInSlot(db: Database<Schema>, photos: readonly PhotoRef[], likerId: string): Promise<string[]> {
  const [first] = photos
  if (!first) return []
  const likes = await db
    .of(first.userId)
    .selectFrom('likes')
    .select('photo_id')
    .where('user_id', 'in', [...new Set(photos.map((photo) => photo.userId))])
    .where(
      'photo_id',
      'in',
      photos.map((photo) => photo.photoId),
    )
    .where('liker_id', '=', likerId)
    .execute()
  return likes.map((like) => like.photo_id)
}
