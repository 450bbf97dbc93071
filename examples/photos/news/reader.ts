// News are a table made of the stream of events, in the slot of the one whom they concern. An entry may come twice, and all of them
// when somebody rewinds the group to make the table anew: the row with its position is there once.

import type { AppTiers } from '../tiers.ts'
import { profileOf } from '../users/profile.ts'

export const newsMax = 100

export function newsReader({ events, db }: AppTiers): void {
  events.consume({ group: 'news', from: 'start' }, async (entries) => {
    const names = new Map<string, string>()
    for (const { payload } of entries)
      if (!names.has(payload.byId)) names.set(payload.byId, (await profileOf(db, payload.byId)).name)
    for (const [userId, its] of Map.groupBy(entries, ({ payload }) => payload.userId)) {
      const rows = its.map(({ position, at, payload }) => ({
        user_id: userId,
        at,
        position,
        kind: payload.kind,
        by_id: payload.byId,
        by_name: names.get(payload.byId) as string,
        photo_id: 'photoId' in payload ? payload.photoId : null,
      }))
      await db.of(userId).transaction(async (tx) => {
        await tx
          .insertInto('news')
          .values(rows)
          .onConflict((conflict) => conflict.doNothing())
          .execute()
        const first = await tx
          .selectFrom('news')
          .select('at')
          .where('user_id', '=', userId)
          .orderBy('at', 'desc')
          .offset(newsMax)
          .limit(1)
          .executeTakeFirst()
        if (first) await tx.deleteFrom('news').where('user_id', '=', userId).where('at', '<=', first.at).execute()
      })
    }
  })
}
