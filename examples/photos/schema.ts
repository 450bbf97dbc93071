// The tables of migrations/, as Kysely knows them. Keys are text, so that a string can only be hashed in one way.

import type { ColumnType, Generated } from 'kysely'

export interface Schema {
  names: NamesTable
  users: UsersTable
  photos: PhotosTable
  photo_files: PhotoFilesTable
  likes: LikesTable
  likes_uncounted: LikesUncountedTable
  comments: CommentsTable
  following: FollowingTable
  followers: FollowersTable
  feed: FeedTable
  tips: TipsTable
  tips_received: TipsReceivedTable
  days: DaysTable
  news: NewsTable
}

export type PhotoStatus = 'processing' | 'ready' | 'failed'
export type FileKind = 'original' | '256' | '1024'

interface NamesTable {
  name_key: string
  name: string
  user_id: string
  created_at: Generated<Date>
}

interface UsersTable {
  user_id: string
  name: string
  follower_count: Generated<number>
  following_count: Generated<number>
  photo_count: Generated<number>
  /** bigint: JavaScript gets it as text. */
  tips_cents: ColumnType<string, number | undefined, number>
  is_celebrity: Generated<boolean>
  created_at: Generated<Date>
}

export interface PhotosTable {
  user_id: string
  photo_id: string
  /** Of the owner; names never change, so that a list needs no second look-up. */
  user_name: string
  caption: string
  status: PhotoStatus
  /** Of the thumbnails; part of their address. Null until they are made. */
  version: string | null
  /** Of the large thumbnail, so that a page can keep its place free. */
  width: number | null
  height: number | null
  /** Without those of likes_uncounted. */
  like_count: Generated<number>
  comment_count: Generated<number>
  created_at: Generated<Date>
}

interface PhotoFilesTable {
  user_id: string
  photo_id: string
  kind: FileKind
  version: string
  content_type: string
  bytes: Buffer
}

/** user_id is the photo's owner: a like lives with the photo. */
interface LikesTable {
  user_id: string
  photo_id: string
  liker_id: string
  created_at: Generated<Date>
}

/** Those of likes that like_count does not hold yet. */
interface LikesUncountedTable {
  user_id: string
  photo_id: string
  liker_id: string
}

/** user_id is the photo's owner: a comment lives with the photo. */
interface CommentsTable {
  user_id: string
  photo_id: string
  comment_id: string
  author_id: string
  author_name: string
  text: string
  created_at: Generated<Date>
}

interface FollowingTable {
  user_id: string
  followee_id: string
  is_pulled: Generated<boolean>
  created_at: Generated<Date>
}

interface FollowersTable {
  user_id: string
  follower_id: string
  created_at: Generated<Date>
}

interface FeedTable {
  user_id: string
  photo_id: string
  owner_id: string
}

interface TipsTable {
  user_id: string
  tip_id: string
  to_user_id: string
  cents: number
  created_at: Generated<Date>
}

interface TipsReceivedTable {
  user_id: string
  tip_id: string
  from_user_id: string
  cents: number
  created_at: Generated<Date>
}

/** What others did that concerns the user. */
interface NewsTable {
  user_id: string
  at: Date
  /** Of the event in its stream. */
  position: string
  kind: 'liked' | 'commented' | 'followed'
  by_id: string
  by_name: string
  photo_id: string | null
}

/** The best of a day; its key is the day itself. */
interface DaysTable {
  day: string
  place: number
  owner_id: string
  photo_id: string
  likes: number
}
