// Changes whose word commits wait for. While it changes, the map names both the old and the new quorum: a failover in
// that moment then asks for both, whichever of them the primary had taken.

import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { Durability, MapShard, Quorum } from '../../map/map.ts'
import { formatSynchronous } from '../../programs/postgres/configure.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { isSameQuorum, quorumOf } from './quorum.ts'

const reloadTimeoutMs = 10_000

export async function setDurability(
  system: System,
  { shard, durability }: { shard: string; durability: Durability },
): Promise<void> {
  await system.locks.run(shard, () => setQuorum(system, shard, membersOf(system, shard), durability))
}

/** Replicas that have been streaming and may acknowledge: those of the present quorum, or whichever are ready. */
export function membersOf({ keeper }: System, id: string): string[] {
  const shard = shardOf(keeper.map.shards, id)
  const named = shard.quorums.at(-1)?.names ?? []
  const isReady = (replica: string) => keeper.node(replica)?.state === 'ready'
  return shard.replicas.filter((replica) => named.includes(replica) || isReady(replica))
}

/** To be called with the shard's lock held. Nothing is done when nothing changes. */
export async function setQuorum(
  system: System,
  id: string,
  members: readonly string[],
  durability: Durability = shardOf(system.keeper.map.shards, id).durability,
): Promise<void> {
  const { keeper, postgres } = system
  const shard = shardOf(keeper.map.shards, id)
  const next = quorumOf(durability, members, shard.replicas)
  if (shard.durability === durability && shard.quorums.length <= 1 && isSameQuorum(shard.quorums[0], next)) return
  const primary = keeper.node(shard.primary)
  if (!primary) throw new TenfoldError('unavailable', `shard ${id} has no primary whose quorum could change`)
  await change(system, id, (draft) => {
    draft.quorums = [...shard.quorums, ...(next ? [next] : [])]
  })
  await postgres.configure(primary, { quorum: next ?? null })
  await using admin = await postgres.admin(primary)
  await admin.reload()
  const expected = textOf(next)
  await waitUntil(() => admin.waitsFor(expected), {
    what: `${primary.id} taking its new quorum`,
    timeoutMs: reloadTimeoutMs,
    intervalMs: 5,
  })
  // Commits begin to wait when the checkpointer has read it, too; it does so before the next checkpoint.
  await admin.checkpoint()
  await change(system, id, (draft) => {
    draft.durability = durability
    draft.quorums = next ? [next] : []
  })
}

function textOf(quorum: Quorum | undefined): string {
  return quorum ? formatSynchronous({ count: quorum.count, names: quorum.names.map(slotNameOf) }) : ''
}

function change({ keeper }: System, id: string, edit: (draft: MapShard) => void): Promise<void> {
  return keeper.change((draft) => edit(shardOf(draft.shards, id)))
}

export function shardOf(shards: readonly MapShard[], id: string): MapShard {
  const shard = shards.find((candidate) => candidate.id === id)
  if (!shard) throw new TenfoldError('not-found', `the map has no shard ${id}`)
  return shard
}
