// Which replica takes the place of a primary that is gone: one that surely has every acknowledged write, or none yet.

import type { MapShard } from '../../map/map.ts'
import { heardMin } from './quorum.ts'

/** What a replica says of itself once its primary sends nothing more. */
export interface Standby {
  node: string
  timeline: number
  /** On its disk. */
  receivedLsn: bigint
  replayedLsn: bigint
}

export type Election = { to: string } | { to?: undefined; why: string }

/** Pure. `standbys` are those that answer; silence is no vote. */
export function elect(shard: Pick<MapShard, 'timeline' | 'quorums'>, standbys: readonly Standby[]): Election {
  const able = standbys.filter(({ timeline }) => timeline === shard.timeline)
  const [first, ...others] = able
  if (!first) return { why: `no replica on timeline ${shard.timeline} answers` }
  for (const quorum of shard.quorums) {
    const heard = quorum.names.filter((name) => able.some(({ node }) => node === name)).length
    if (heard < heardMin(quorum))
      return {
        why: `${heard} of ${quorum.names.join(', ')} answer and ${heardMin(quorum)} must: a silent one may hold the last acknowledged write`,
      }
  }
  return { to: others.reduce((best, standby) => (isBetter(standby, best) ? standby : best), first).node }
}

function isBetter(a: Standby, b: Standby): boolean {
  if (a.receivedLsn !== b.receivedLsn) return a.receivedLsn > b.receivedLsn
  // Who has shown more of it is open for writes sooner.
  return a.replayedLsn > b.replayedLsn
}
