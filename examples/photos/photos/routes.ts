// The API of photos.

import { TenfoldError } from 'tenfold'
import { listQuery, photoIdsOf, read, userIdOf } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { requireUser } from '../users/current.ts'
import { profileOf } from '../users/profile.ts'
import { commentOn } from './comment.ts'
import { photoDetail } from './detail.ts'
import { likePhoto } from './like.ts'
import { pageOf, photosOf } from './list.ts'
import { popularPhotos } from './popular.ts'
import { photoBytesMax, uploadPhoto } from './upload.ts'

export function photoRoutes(tiers: AppTiers): void {
  const { http, db } = tiers
  uploadRoute(tiers)

  http.get('/api/photos/:userId/:id', async (request) => {
    const { userId, photoId } = photoIdsOf(request.params)
    return await photoDetail(db, userId, photoId)
  })

  http.post('/api/photos/:userId/:id/like', async (request) => {
    const user = requireUser(request)
    return await likePhoto(tiers, photoIdsOf(request.params), user.id)
  })

  http.post('/api/photos/:userId/:id/comments', async (request, reply) => {
    const user = requireUser(request)
    return reply.code(201).send(await commentOn(tiers, request, photoIdsOf(request.params), user))
  })

  http.get('/api/users/:id/photos', async (request) => {
    const list = read(listQuery, request.query, 'query')
    const { id } = await profileOf(db, userIdOf(request.params))
    return pageOf(await photosOf(db.of(id), id, list), list.limit)
  })

  http.get('/api/popular', async (_request, reply) =>
    reply
      .headers({
        'cache-control': 'public, max-age=5',
        'cdn-cache-control': 'max-age=5, stale-while-revalidate=30',
        'cache-tag': 'popular',
      })
      .send({ photos: await popularPhotos(tiers) }),
  )
}

/** In a scope of its own: only here is a body of picture bytes taken, and nothing else but that. */
function uploadRoute(tiers: AppTiers): void {
  void tiers.http.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      ['image/jpeg', 'image/png'],
      { parseAs: 'buffer' },
      async (_: unknown, body: Buffer) => body,
    )
    scope.post(
      '/api/photos',
      { bodyLimit: photoBytesMax, onRequest: async (request) => void requireUser(request) },
      async (request, reply) => {
        const bytes = request.body
        if (!Buffer.isBuffer(bytes))
          throw new TenfoldError(
            'bad-input',
            'no picture came: send its bytes as the body, with content-type image/jpeg or image/png',
          )
        const { caption } = request.query as { caption?: unknown }
        return reply.code(201).send(await uploadPhoto(tiers, request, requireUser(request), { bytes, caption }))
      },
    )
  })
}
