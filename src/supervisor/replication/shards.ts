// A shard of the map and its primary, which are there or else something is wrong.

import { TenfoldError } from '../../base/errors.ts'
import type { MapNode, MapShard } from '../../map/map.ts'
import type { System } from '../system.ts'

/** @throws not-found */
export function shardOf(shards: readonly MapShard[], id: string): MapShard {
  const shard = shards.find((candidate) => candidate.id === id)
  if (!shard) throw new TenfoldError('not-found', `the map has no shard ${id}`)
  return shard
}

/** @throws unavailable */
export function primaryOf({ keeper }: System, shard: string): MapNode {
  const primary = keeper.node(shardOf(keeper.map.shards, shard).primary)
  if (!primary) throw new TenfoldError('unavailable', `shard ${shard} has no primary in the map`)
  return primary
}
