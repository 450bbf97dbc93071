// The bytes of thumbnails. Their address holds a hash of them, so an answer is good for ever, for everybody.

import { found } from '../fresh.ts'
import { photoIdsOf, unknownPhoto } from '../input.ts'
import type { FileKind } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'

const secondsPerYear = 31_536_000
const fileName = /^(256|1024)-([0-9a-f]{12})\.jpg$/

export function mediaRoutes({ http, db }: AppTiers): void {
  http.get('/media/:userId/:id/:file', async (request, reply) => {
    const { userId, photoId } = photoIdsOf(request.params)
    const { size, version } = fileOf(request.params)
    const file = await found(db, userId, (from) =>
      from
        .selectFrom('photo_files')
        .select(['bytes', 'content_type'])
        .where('user_id', '=', userId)
        .where('photo_id', '=', photoId)
        .where('kind', '=', size)
        .where('version', '=', version)
        .executeTakeFirst(),
    )
    if (!file) throw unknownPhoto(photoId)
    return reply
      .headers({
        'content-type': file.content_type,
        'cache-control': `public, max-age=${secondsPerYear}, immutable`,
        'cache-tag': `photo-${photoId},user-${userId}`,
        'x-content-type-options': 'nosniff',
        etag: `"${size}-${version}"`,
      })
      .send(file.bytes)
  })
}

function fileOf(params: unknown): { size: FileKind; version: string } {
  const { file = '' } = params as { file?: string }
  const [, size, version] = fileName.exec(file) ?? []
  if (size === undefined || version === undefined) throw unknownPhoto(file)
  return { size: size === '256' ? '256' : '1024', version }
}
