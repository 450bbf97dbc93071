// Rows of photos with all of their likes: those that the row counts, and those that wait to be counted (like.ts).

import type { Selectable } from 'kysely'
import type { Reader } from '../fresh.ts'
import type { PhotosTable } from '../schema.ts'

export interface PhotoRow extends Selectable<PhotosTable> {
  /** As text, and null for none: a count is a bigint. */
  uncounted: string | null
}

export function selectPhotos(from: Reader) {
  return from
    .selectFrom('photos')
    .selectAll('photos')
    .select((photo) =>
      photo
        .selectFrom('likes_uncounted as like')
        .select((like) => like.fn.countAll<string>().as('count'))
        .whereRef('like.user_id', '=', 'photos.user_id')
        .whereRef('like.photo_id', '=', 'photos.photo_id')
        .as('uncounted'),
    )
}

export function likesOf(row: Pick<PhotoRow, 'like_count' | 'uncounted'>): number {
  return row.like_count + Number(row.uncounted)
}
