// What sessions do and how often, in shares of all operations.

import type { Random } from '../../../../src/base/random.ts'
import type { Operation } from '../operation.ts'

export type Action = Pick<Operation, 'access'> & { object: 'set' | 'counter' | 'bank' | 'list' }
export type Mix = Readonly<Partial<Record<`${Action['access']} ${Action['object']}`, number>>>

/** More writes than any app has: they are what can be lost. */
export const usualMix: Mix = {
  'write set': 15,
  'read set': 15,
  'write counter': 10,
  'read counter': 10,
  'write bank': 15,
  'read bank': 10,
  'write list': 15,
  'read list': 10,
}

export function pickAction(mix: Mix, random: Random): Action {
  const shares = Object.entries(mix)
  let rest = random.next() * shares.reduce((sum, [, share]) => sum + share, 0)
  let name = 'read set'
  for (const [candidate, share] of shares) {
    name = candidate
    rest -= share
    if (rest < 0) break
  }
  const [access, object] = name.split(' ')
  return { access, object } as Action
}
