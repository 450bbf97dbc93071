// Lists of photos, newest first. `before` is the id that the last page ended with: ids sort by time.

import type { Reader } from '../fresh.ts'
import type { ListQuery } from '../input.ts'
import { cardOf, type PhotoCard } from './card.ts'
import { selectPhotos } from './rows.ts'

export interface PhotoPage {
  photos: PhotoCard[]
  /** `before` of the next page; null when this is the last one. */
  next: string | null
}

export interface ListOptions {
  /** Leaves out photos without thumbnails. */
  onlyReady?: boolean
}

export async function photosOf(
  from: Reader,
  userId: string,
  { before, limit }: ListQuery,
  { onlyReady = false }: ListOptions = {},
): Promise<PhotoCard[]> {
  let newest = selectPhotos(from).where('user_id', '=', userId).orderBy('photo_id', 'desc').limit(limit)
  if (before !== undefined) newest = newest.where('photo_id', '<', before)
  if (onlyReady) newest = newest.where('status', '=', 'ready')
  return (await newest.execute()).map(cardOf)
}

/** A full page may have a successor. */
export function pageOf(photos: PhotoCard[], limit: number): PhotoPage {
  return { photos, next: photos.length === limit ? (photos.at(-1)?.id ?? null) : null }
}
