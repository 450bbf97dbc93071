// The receiver's side of a tip. It may run twice: the row of (receiver, tip) is the memory of what was added.

import { sql } from 'kysely'
import { fresh } from '../fresh.ts'
import type { AppTiers } from '../tiers.ts'

export function tipJobs({ jobs, db, kpi }: AppTiers): void {
  jobs.tipGiven.handle({}, async ({ payload }) => {
    const tip = await fresh(db, payload.userId, (from) =>
      from
        .selectFrom('tips')
        .selectAll()
        .where('user_id', '=', payload.userId)
        .where('tip_id', '=', payload.tipId)
        .executeTakeFirst(),
    )
    if (!tip) return
    const isNew = await db.of(tip.to_user_id).transaction(async (tx) => {
      const made = await tx
        .insertInto('tips_received')
        .values({ user_id: tip.to_user_id, tip_id: tip.tip_id, from_user_id: tip.user_id, cents: tip.cents })
        .onConflict((conflict) => conflict.columns(['user_id', 'tip_id']).doNothing())
        .executeTakeFirst()
      if (made.numInsertedOrUpdatedRows === 0n) return false
      await tx
        .updateTable('users')
        .set({ tips_cents: sql<number>`tips_cents + ${tip.cents}` })
        .where('user_id', '=', tip.to_user_id)
        .execute()
      return true
    })
    if (isNew) kpi.count('revenue.cents', tip.cents)
  })
}
