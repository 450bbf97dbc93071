// One photo with its newest comments.

import type { Database } from 'tenfold'
import { found } from '../fresh.ts'
import { unknownPhoto } from '../input.ts'
import type { Schema } from '../schema.ts'
import { cardOf, type PhotoCard } from './card.ts'
import { selectPhotos } from './rows.ts'

const commentsShownMax = 100

export interface Comment {
  id: string
  userId: string
  userName: string
  text: string
  at: string
}

export interface PhotoDetail extends PhotoCard {
  comments: Comment[]
}

/** Comments come newest first. @throws not-found */
export async function photoDetail(db: Database<Schema>, userId: string, photoId: string): Promise<PhotoDetail> {
  const photo = await found(db, userId, (from) =>
    selectPhotos(from).where('user_id', '=', userId).where('photo_id', '=', photoId).executeTakeFirst(),
  )
  if (!photo) throw unknownPhoto(photoId)
  const comments = photo.comment_count === 0 ? [] : await newestComments(db, userId, photoId)
  return { ...cardOf(photo), comments }
}

async function newestComments(db: Database<Schema>, userId: string, photoId: string): Promise<Comment[]> {
  const rows = await db
    .of(userId)
    .selectFrom('comments')
    .select(['comment_id as id', 'author_id as userId', 'author_name as userName', 'text', 'created_at'])
    .where('user_id', '=', userId)
    .where('photo_id', '=', photoId)
    .orderBy('comment_id', 'desc')
    .limit(commentsShownMax)
    .execute()
  return rows.map(({ created_at, ...comment }) => ({ ...comment, at: created_at.toISOString() }))
}
