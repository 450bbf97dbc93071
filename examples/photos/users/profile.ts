// What everybody may know of a user.

import type { Database } from 'tenfold'
import { found } from '../fresh.ts'
import { unknownUser } from '../input.ts'
import type { Schema } from '../schema.ts'

export interface Profile {
  id: string
  name: string
  followers: number
  photos: number
}

/** @throws not-found */
export async function profileOf(db: Database<Schema>, userId: string): Promise<Profile> {
  const profile = await found(db, userId, (from) =>
    from
      .selectFrom('users')
      .select(['user_id as id', 'name', 'follower_count as followers', 'photo_count as photos'])
      .where('user_id', '=', userId)
      .executeTakeFirst(),
  )
  if (!profile) throw unknownUser(userId)
  return profile
}
