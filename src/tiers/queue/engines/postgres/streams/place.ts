// Where an entry stands in its lane: the transaction that appended it, and its turn in that. As text it is of fixed width, so
// that positions of one lane compare as they follow each other: 00000000000002f1-0000000000000007@s1.

import { TenfoldError } from '../../../../../base/errors.ts'

export interface Place {
  /** xid8 and bigint, as PostgreSQL writes them. */
  xid: string
  seq: string
}

export function positionOf({ xid, seq }: Place, shard: string): string {
  return `${hex(xid)}-${hex(seq)}@${shard}`
}

/** @throws bad-input */
export function placeOf(position: string): Place & { shard: string } {
  const [, xid, seq, shard] = /^([0-9a-f]{16})-([0-9a-f]{16})@(.+)$/.exec(position) ?? []
  if (xid === undefined || seq === undefined || shard === undefined)
    throw new TenfoldError('bad-input', `${JSON.stringify(position)} is no position of an entry`)
  return { xid: BigInt(`0x${xid}`).toString(), seq: BigInt(`0x${seq}`).toString(), shard }
}

function hex(decimal: string): string {
  return BigInt(decimal).toString(16).padStart(16, '0')
}
