// What virtual users do, and how often: shares of all requests in percent, reads first.

import type { Random } from '../../base/random.ts'

export const mix = {
  feed: 16,
  user: 10,
  photo: 18,
  'user-photos': 10,
  popular: 4,
  thumbnail: 12,
  like: 15,
  comment: 7,
  upload: 5,
  signup: 2,
  tip: 1,
} as const

export type OperationKind = keyof typeof mix

/** Acknowledged ones go into the ledger. */
export const writeKinds: ReadonlySet<OperationKind> = new Set(['like', 'comment', 'upload', 'signup', 'tip'])

const kinds = Object.keys(mix) as OperationKind[]
const total = kinds.reduce((sum, kind) => sum + mix[kind], 0)

export function pickKind(random: Random): OperationKind {
  let rest = random.next() * total
  for (const kind of kinds) {
    rest -= mix[kind]
    if (rest < 0) return kind
  }
  return 'feed'
}
