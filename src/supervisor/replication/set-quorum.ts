// Changes whose word commits wait for. While it changes, the map names both the old and the new quorum: a failover in
// that moment then asks for both, whichever of them the primary had taken.

import { waitUntil } from '../../base/limits.ts'
import type { Durability, MapShard, Quorum } from '../../map/map.ts'
import { formatSynchronous } from '../../programs/postgres/configure.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { isSameQuorum, quorumOf } from './quorum.ts'
import { dropSalvageSlots } from './salvage-slot.ts'
import { primaryOf, shardOf } from './shards.ts'

const reloadTimeoutMs = 10_000

export async function setDurability(
  system: System,
  { shard, durability }: { shard: string; durability: Durability },
): Promise<void> {
  await setQuorum(system, shard, { durability })
  if (durability !== 'async') await dropSalvageSlots(system, shard)
}

export interface QuorumChange {
  durability?: Durability
  /** Replicas that may acknowledge from now on. */
  joining?: readonly string[]
  /** One whose word counts no more: its data is about to go. */
  leaving?: string
}

/**
 * Nothing is done when nothing changes. Excludes other changes of the quorum, but no change of the primary, which must
 * not wait for one that hangs: what is left of this one is then dropped.
 * @throws what the primary ends with; the map then still names both.
 */
export async function setQuorum(system: System, id: string, quorumChange: QuorumChange): Promise<void> {
  await system.locks.run(`${id} quorum`, () => changeQuorum(system, id, quorumChange))
}

async function changeQuorum(system: System, id: string, quorumChange: QuorumChange): Promise<void> {
  const { keeper, postgres } = system
  const shard = shardOf(keeper.map.shards, id)
  const { durability = shard.durability, leaving } = quorumChange
  const members = membersOf(system, shard, quorumChange).filter((member) => member !== leaving)
  const next = quorumOf(durability, members, shard.replicas)
  if (shard.durability === durability && shard.quorums.length <= 1 && isSameQuorum(shard.quorums[0], next)) return
  const primary = primaryOf(system, id)
  const change = (edit: (draft: MapShard) => void) =>
    keeper.change((draft) => {
      const now = shardOf(draft.shards, id)
      if (now.primary === shard.primary && now.timeline === shard.timeline) edit(now)
    })
  await change((draft) => {
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
  await change((draft) => {
    draft.durability = durability
    draft.quorums = next ? [next] : []
  })
}

/** Those of the present quorum stay, silent or not: what they have acknowledged is their word. */
function membersOf({ keeper }: System, shard: MapShard, { durability, joining = [] }: QuorumChange): string[] {
  const named = shard.quorums.at(-1)?.names ?? []
  const isReady = (replica: string) => keeper.node(replica)?.state === 'ready'
  const isBegun = durability !== undefined
  return shard.replicas.filter((id) => named.includes(id) || joining.includes(id) || (isBegun && isReady(id)))
}

function textOf(quorum: Quorum | undefined): string {
  return quorum ? formatSynchronous({ count: quorum.count, names: quorum.names.map(slotNameOf) }) : ''
}
