// A comment lives in the slot of the photo's owner, with its author's name written into it.

import type { FastifyRequest } from 'fastify'
import { commentBody, read, unknownPhoto } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import type { Account } from '../users/account.ts'
import { uuidv7 } from '../uuid.ts'
import { forgetCard } from './cards.ts'
import type { Comment } from './detail.ts'

/** @throws not-found */
export async function commentOn(
  tiers: AppTiers,
  request: FastifyRequest,
  photo: { userId: string; photoId: string },
  author: Account,
): Promise<Comment> {
  const { userId, photoId } = photo
  const { text } = read(commentBody, request.body, 'body')
  const commentId = uuidv7()
  const at = new Date()
  const comment = await tiers.once(request, tiers.db.of(userId), async (tx): Promise<Comment> => {
    const counted = await tx
      .updateTable('photos')
      .set((row) => ({ comment_count: row('comment_count', '+', 1) }))
      .where('user_id', '=', userId)
      .where('photo_id', '=', photoId)
      .executeTakeFirst()
    if (counted.numUpdatedRows === 0n) throw unknownPhoto(photoId)
    await tx
      .insertInto('comments')
      .values({
        user_id: userId,
        photo_id: photoId,
        comment_id: commentId,
        author_id: author.id,
        author_name: author.name,
        text,
        created_at: at,
      })
      .execute()
    if (author.id !== userId)
      await tiers.events.in(tx).append({ kind: 'commented', userId, byId: author.id, photoId }, { key: userId })
    return { id: commentId, userId: author.id, userName: author.name, text, at: at.toISOString() }
  })
  await forgetCard(tiers, photo)
  return comment
}
