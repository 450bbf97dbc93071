// Money to somebody. The tip is true where its giver lives, once per Idempotency-Key; a job tells the receiver.

import type { FastifyRequest } from 'fastify'
import { TenfoldError } from 'tenfold'
import { read, tipBody } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import type { Account } from '../users/account.ts'
import { profileOf } from '../users/profile.ts'
import { uuidv7 } from '../uuid.ts'

export interface Tip {
  id: string
  toUserId: string
  cents: number
}

/** @throws not-found (no such receiver), bad-input */
export async function giveTip(tiers: AppTiers, request: FastifyRequest, giver: Account, input: unknown): Promise<Tip> {
  const { toUserId, cents } = read(tipBody, input, 'body')
  if (toUserId === giver.id) throw new TenfoldError('bad-input', 'nobody can tip oneself')
  await profileOf(tiers.db, toUserId)
  const tipId = uuidv7()
  return await tiers.once(request, tiers.db.of(giver.id), async (tx): Promise<Tip> => {
    await tx.insertInto('tips').values({ user_id: giver.id, tip_id: tipId, to_user_id: toUserId, cents }).execute()
    await tiers.jobs.tipGiven.in(tx).publish({ userId: giver.id, tipId })
    return { id: tipId, toUserId, cents }
  })
}
