// A like is a row of (photo, who), so that it counts once however often it is sent; the counter moves only when the row is new.

import { unknownPhoto } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { forgetCard } from './cards.ts'

/** @throws not-found */
export async function likePhoto(
  tiers: AppTiers,
  photo: { userId: string; photoId: string },
  likerId: string,
): Promise<{ likes: number }> {
  const { userId, photoId } = photo
  const likes = await tiers.db.of(userId).transaction(async (tx) => {
    const counted = await tx
      .selectFrom('photos')
      .select('like_count')
      .where('user_id', '=', userId)
      .where('photo_id', '=', photoId)
      .executeTakeFirst()
    if (!counted) throw unknownPhoto(photoId)
    const made = await tx
      .insertInto('likes')
      .values({ user_id: userId, photo_id: photoId, liker_id: likerId })
      .onConflict((conflict) => conflict.columns(['user_id', 'photo_id', 'liker_id']).doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows === 0n) return counted.like_count
    const { like_count } = await tx
      .updateTable('photos')
      .set((row) => ({ like_count: row('like_count', '+', 1) }))
      .where('user_id', '=', userId)
      .where('photo_id', '=', photoId)
      .returning('like_count')
      .executeTakeFirstOrThrow()
    return like_count
  })
  await forgetCard(tiers, photo)
  return { likes }
}
