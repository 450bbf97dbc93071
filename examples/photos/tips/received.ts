// What somebody was given in all, in cents.

import type { Database } from 'tenfold'
import type { Schema } from '../schema.ts'

export async function tipsReceived(db: Database<Schema>, userId: string): Promise<number> {
  const user = await db
    .of(userId)
    .selectFrom('users')
    .select('tips_cents')
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return Number(user?.tips_cents ?? 0)
}
