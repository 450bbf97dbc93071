// What must hold of one acknowledged tip.

import { isDeepStrictEqual } from 'node:util'
import type { Finding, PersonEntry, TipEntry } from '../ledger.ts'
import { cookieHeader } from '../load/cookies.ts'
import { show } from './finding.ts'
import type { Read } from './read.ts'

/** A tip is told by its key: the same request again must be answered as the first one was, not be run anew. */
export async function checkTip(tip: TipEntry, giver: PersonEntry | undefined, read: Read): Promise<Finding[]> {
  const { status, json } = await read({
    method: 'POST',
    path: '/api/tips',
    headers: {
      ...cookieHeader(giver?.cookies ?? new Map()),
      'content-type': 'application/json',
      'idempotency-key': tip.key,
    },
    body: JSON.stringify({ toUserId: tip.toUserId, cents: tip.cents }),
  })
  if (status < 300 && isDeepStrictEqual(json, tip.answer)) return []
  const detail = `the same Idempotency-Key first answered ${show(tip.answer)} and now ${status} ${show(json)}`
  return [{ kind: 'tip', id: tip.key, problem: 'lost', detail }]
}
