// A photo as lists and pages show it.

import type { PhotoStatus, PhotosTable } from '../schema.ts'
import { likesOf, type PhotoRow } from './rows.ts'

export interface PhotoCard {
  id: string
  userId: string
  userName: string
  caption: string
  status: PhotoStatus
  at: string
  likes: number
  commentCount: number
  width: number | null
  height: number | null
  /** Empty until they are made. */
  thumbnails: { '256'?: string; '1024'?: string }
}

export function cardOf(row: PhotoRow): PhotoCard {
  return {
    id: row.photo_id,
    userId: row.user_id,
    userName: row.user_name,
    caption: row.caption,
    status: row.status,
    at: row.created_at.toISOString(),
    likes: likesOf(row),
    commentCount: row.comment_count,
    width: row.width,
    height: row.height,
    thumbnails:
      row.status === 'ready' && row.version ? { '256': address(row, '256'), '1024': address(row, '1024') } : {},
  }
}

/** A version of a thumbnail never changes, so browsers and edges may keep what is here for ever. */
function address(row: Pick<PhotosTable, 'user_id' | 'photo_id' | 'version'>, size: '256' | '1024'): string {
  return `/media/${row.user_id}/${row.photo_id}/${size}-${row.version}.jpg`
}
