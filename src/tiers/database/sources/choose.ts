// Which replica a read gets: of those that are fit and have passed what the reader has seen, the one with least load.

export interface Candidate {
  /** Within the bounds of lag when it was last asked. */
  readonly isFit: boolean
  /** What it has replayed at least; undefined: nobody knows. */
  readonly position: bigint | undefined
  /** Monotonic time at which it told its position. */
  readonly checkedAt: number
  /** Statements under way and in line. */
  readonly load: number
}

export interface Need {
  position: bigint | 'anything'
  /** What was told before is too old to count. */
  checkedAfter: number
  /** Counts up, so that equals take turns. */
  turn: number
}

/** Undefined: none, the primary has to answer. */
export function chooseReplica<C extends Candidate>(replicas: readonly C[], need: Need): C | undefined {
  const { position, checkedAfter, turn } = need
  let best: C | undefined
  for (let i = 0; i < replicas.length; i++) {
    const replica = replicas[(turn + i) % replicas.length] as C
    if (!replica.isFit || replica.position === undefined || replica.checkedAt <= checkedAfter) continue
    if (position !== 'anything' && replica.position < position) continue
    if (best === undefined || replica.load < best.load) best = replica
  }
  return best
}
