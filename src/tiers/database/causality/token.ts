// The token: what a user has seen of each shard, as text that travels with the user. `s1.3.16B374D848~s2.1.3000148`: of
// shard s1 the log of timeline 3 up to the byte 0x16B374D848, of shard s2 ...
//
// It comes back from outside, so it is parsed strictly and bounded. It is not signed: whoever forges one can only make
// their own reads wait for the primary.

export interface Position {
  readonly timeline: number
  /** Byte position in the write-ahead log. */
  readonly lsn: bigint
}

/** By shard. */
export type Positions = Map<string, Position>

export const tokenCharactersMax = 2048
const shardsMax = 64

const part = /^([a-z][a-z0-9-]{0,30})\.([1-9][0-9]{0,9})\.(0|[1-9A-F][0-9A-F]{0,15})$/
const timelineMax = 0xffff_ffff

/** Undefined when the text is no token that `formatToken` could have made. */
export function parseToken(text: string): Positions | undefined {
  if (text.length === 0 || text.length > tokenCharactersMax) return undefined
  const parts = text.split('~')
  if (parts.length > shardsMax) return undefined
  const positions: Positions = new Map()
  for (const text of parts) {
    const [, shard, timeline, lsn] = part.exec(text) ?? []
    if (shard === undefined || Number(timeline) > timelineMax || positions.has(shard)) return undefined
    positions.set(shard, { timeline: Number(timeline), lsn: BigInt(`0x${lsn}`) })
  }
  return positions
}

/** Undefined when there is nothing to tell, or more than a token may hold. */
export function formatToken(positions: ReadonlyMap<string, Position>): string | undefined {
  if (positions.size === 0 || positions.size > shardsMax) return undefined
  const parts: string[] = []
  for (const [shard, { timeline, lsn }] of positions)
    parts.push(`${shard}.${timeline}.${lsn.toString(16).toUpperCase()}`)
  const text = parts.join('~')
  return text.length > tokenCharactersMax ? undefined : text
}

/** Timelines first: what a newer one holds, the older one's later bytes never became part of. */
export function isAfter(left: Position, right: Position): boolean {
  return left.timeline === right.timeline ? left.lsn > right.lsn : left.timeline > right.timeline
}
