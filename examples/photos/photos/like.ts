// A like is a row of (photo, who), so that it counts once however often it is sent. It does not touch the photo's row, which
// everybody who likes the same photo would wait for: it is left for a job to count (like-jobs.ts), and shown at once (rows.ts).

import { unknownPhoto } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { forgetCard } from './cards.ts'
import { likesOf, selectPhotos } from './rows.ts'

/** @throws not-found */
export async function likePhoto(
  tiers: AppTiers,
  photo: { userId: string; photoId: string },
  likerId: string,
): Promise<{ likes: number }> {
  const { userId, photoId } = photo
  const likes = await tiers.db.of(userId).transaction(async (tx) => {
    const find = selectPhotos(tx).where('user_id', '=', userId).where('photo_id', '=', photoId)
    const before = await find.executeTakeFirst()
    if (!before) throw unknownPhoto(photoId)
    const like = { user_id: userId, photo_id: photoId, liker_id: likerId }
    const made = await tx
      .insertInto('likes')
      .values(like)
      .onConflict((conflict) => conflict.columns(['user_id', 'photo_id', 'liker_id']).doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows === 0n) return likesOf(before)
    await tx.insertInto('likes_uncounted').values(like).execute()
    // No deduplicationId: two likes of one photo would wait for each other again.
    await tiers.jobs.photoLiked.in(tx).publish(photo)
    if (likerId !== userId)
      await tiers.events.in(tx).append({ kind: 'liked', userId, byId: likerId, photoId }, { key: userId })
    return likesOf(await find.executeTakeFirstOrThrow())
  })
  await forgetCard(tiers, photo)
  return { likes }
}
