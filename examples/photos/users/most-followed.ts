// People to follow: the most followed of all slots. It is the same for everybody, so it is asked twice a minute at most.

import type { AppTiers } from '../tiers.ts'
import type { Profile } from './profile.ts'

const mostFollowedMax = 24

export async function mostFollowed({ db, cache }: Pick<AppTiers, 'db' | 'cache'>): Promise<Profile[]> {
  return await cache.wrap('most-followed', { ttl: '30s' }, () =>
    db.scatter<Profile>(
      (slots) =>
        slots
          .selectFrom('users')
          .select(['user_id as id', 'name', 'follower_count as followers', 'photo_count as photos'])
          .where('follower_count', '>', 0)
          .orderBy('followers', 'desc')
          .orderBy('id', 'desc')
          .limit(mostFollowedMax),
      {
        orderBy: [
          { column: 'followers', direction: 'desc' },
          { column: 'id', direction: 'desc' },
        ],
        limit: mostFollowedMax,
      },
    ),
  )
}
