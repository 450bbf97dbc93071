// Taking a photo in: its row, its bytes and the job that makes its thumbnails are one transaction.

import type { FastifyRequest } from 'fastify'
import { captionQuery, read } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import type { Account } from '../users/account.ts'
import { uuidv7 } from '../uuid.ts'
import { checkPicture } from './picture.ts'

export const photoBytesMax = 10 * 1024 * 1024

export interface Upload {
  id: string
  userId: string
  caption: string
  status: 'processing'
}

/** @throws bad-input when the bytes are no picture. */
export async function uploadPhoto(
  { db, jobs, once, kpi }: AppTiers,
  request: FastifyRequest,
  owner: Account,
  input: { bytes: Buffer; caption: unknown },
): Promise<Upload> {
  const { caption } = read(captionQuery, { caption: input.caption }, 'query')
  const contentType = await checkPicture(input.bytes)
  const keys = { user_id: owner.id, photo_id: uuidv7() }
  const upload = await once(request, db.of(owner.id), async (tx): Promise<Upload> => {
    await tx
      .insertInto('photos')
      .values({ ...keys, user_name: owner.name, caption, status: 'processing' })
      .execute()
    await tx
      .insertInto('photo_files')
      .values({ ...keys, kind: 'original', version: '', content_type: contentType, bytes: input.bytes })
      .execute()
    await tx
      .updateTable('users')
      .set((user) => ({ photo_count: user('photo_count', '+', 1) }))
      .where('user_id', '=', owner.id)
      .execute()
    await jobs.photoUploaded.in(tx).publish({ userId: owner.id, photoId: keys.photo_id })
    return { id: keys.photo_id, userId: owner.id, caption, status: 'processing' }
  })
  if (upload.id === keys.photo_id) kpi.count('uploads')
  return upload
}
