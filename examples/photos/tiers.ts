// The tiers as this app holds them, and the words that its jobs are published under.

import type { Tiers } from 'tenfold'
import type { Schema } from './schema.ts'

export type AppTiers = Tiers<Schema>

/** Each job's payload holds keys only: a handler reads what is true when it runs, and may run twice. */
export type Jobs = {
  'photo.uploaded': { userId: string; photoId: string }
  'photo.ready': { userId: string; photoId: string; after?: string }
  'follow.made': { userId: string; followeeId: string }
  'celebrity.made': { userId: string; after?: string }
  'tip.given': { userId: string; tipId: string }
}
