// What virtual users look at.

import { TenfoldError } from '../../base/errors.ts'
import type { Answer } from './client.ts'
import type { Crowd } from './crowd.ts'
import { expectId, jsonOf, type Operation, readAs } from './operation.ts'

export const reads = {
  feed: (crowd: Crowd): Operation => readAs(crowd.person(), '/api/feed?limit=20', jsonOf),

  user(crowd: Crowd): Operation {
    const { id } = crowd.person()
    return readAs(crowd.person(), `/api/users/${id}`, (answer) => expectId(answer, id))
  },

  photo(crowd: Crowd): Operation {
    const photo = crowd.photo()
    return readAs(crowd.person(), `/api/photos/${photo.userId}/${photo.id}`, (answer) => {
      expectId(answer, photo.id)
      const { status, thumbnails } = jsonOf(answer) as { status?: string; thumbnails?: Record<string, string> }
      if (status === 'ready' && thumbnails) photo.thumbnails = Object.values(thumbnails)
    })
  },

  'user-photos': (crowd: Crowd): Operation =>
    readAs(crowd.person(), `/api/users/${crowd.person().id}/photos?limit=20`, jsonOf),

  popular: (crowd: Crowd): Operation => readAs(crowd.person(), '/api/popular', jsonOf),

  /** As a browser does it: the photo's own answer names the files. Until they are known, the photo is looked at. */
  thumbnail(crowd: Crowd): Operation {
    const photo = crowd.photo()
    const url = photo.thumbnails.length > 0 ? crowd.random.pick(photo.thumbnails) : undefined
    return url === undefined ? reads.photo(crowd) : readAs(crowd.person(), url, expectImage)
  },
}

function expectImage({ contentType, body }: Answer): void {
  if (contentType.startsWith('image/') && body.length > 0) return
  throw new TenfoldError('bad-input', `expected an image, got ${contentType || 'no type'} of ${body.length} bytes`)
}
