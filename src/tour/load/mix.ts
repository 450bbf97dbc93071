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
const readKinds = kinds.filter((kind) => !writeKinds.has(kind))

/** By their shares; with `readsOnly` the writes are left out and the reads keep their proportions. */
export function pickKind(random: Random, readsOnly = false): OperationKind {
  const from = readsOnly ? readKinds : kinds
  let rest = random.next() * from.reduce((sum, kind) => sum + mix[kind], 0)
  for (const kind of from) {
    rest -= mix[kind]
    if (rest < 0) return kind
  }
  return 'feed'
}
