// Changes whose word commits wait for. While it changes, the map names both the old and the new quorum: a failover in
// that moment then asks for both, whichever of them the primary had taken. The old one counts until enough of the new
// one have all that was acknowledged before: its word was given by whoever leaves, and they may lack it.

import { waitUntil } from '../../base/limits.ts'
import type { Durability, MapShard, Quorum } from '../../map/map.ts'
import type { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { formatSynchronous } from '../../programs/postgres/configure.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { isSameQuorum, quorumOf } from './quorum.ts'
import { dropSalvageSlots } from './salvage-slot.ts'
import { primaryOf, shardOf } from './shards.ts'

const reloadTimeoutMs = 10_000
const checkpointTimeoutMs = 30_000
/** Streaming replicas have it in milliseconds; one that is cut off never will. */
const coverTimeoutMs = 5000
/** How long a change that somebody asked for may take to be covered. */
const settleTimeoutMs = 60_000

export async function setDurability(
  system: System,
  { shard, durability }: { shard: string; durability: Durability },
): Promise<void> {
  await settleQuorum(system, shard, { durability })
  if (durability !== 'async') await dropSalvageSlots(system, shard)
}

/** Resolves when the old quorum counts no more. @throws timeout */
export async function settleQuorum(system: System, shard: string, change: QuorumChange): Promise<void> {
  const what = `enough replicas of ${shard} having everything`
  await waitUntil(() => setQuorum(system, shard, change), { what, timeoutMs: settleTimeoutMs })
}

export interface QuorumChange {
  durability?: Durability
  /** Replicas that may acknowledge from now on. */
  joining?: readonly string[]
  /** One whose word counts no more: its data is about to go. */
  leaving?: string
}

/**
 * Answers whether the old quorum could be dropped; false: both stay in the map, for a later call to settle. Nothing is
 * done when nothing changes. Excludes other changes of the quorum, but no change of the primary, which must
 * not wait for one that hangs: what is left of this one is then dropped.
 * @throws what the primary ends with; the map then still names both.
 */
export async function setQuorum(system: System, id: string, quorumChange: QuorumChange): Promise<boolean> {
  return system.locks.run(`${id} quorum`, () => changeQuorum(system, id, quorumChange))
}

async function changeQuorum(system: System, id: string, quorumChange: QuorumChange): Promise<boolean> {
  const { keeper, postgres } = system
  const shard = shardOf(keeper.map.shards, id)
  const { durability = shard.durability, leaving } = quorumChange
  const members = membersOf(system, shard, quorumChange).filter((member) => member !== leaving)
  const next = quorumOf(durability, members, shard.replicas)
  if (shard.durability === durability && shard.quorums.length <= 1 && isSameQuorum(shard.quorums[0], next)) return true
  const primary = primaryOf(system, id)
  const isStill = (now: MapShard) => now.primary === shard.primary && now.timeline === shard.timeline
  const change = (edit: (draft: MapShard) => void) =>
    keeper.change((draft) => {
      const now = shardOf(draft.shards, id)
      if (isStill(now)) edit(now)
    })
  const others = shard.quorums.filter((quorum) => !isSameQuorum(quorum, next))
  await change((draft) => {
    draft.quorums = next ? [...others, next] : others
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
  await admin.checkpoint(checkpointTimeoutMs)
  if (next && !(await isCovered(admin, next))) return false
  await change((draft) => {
    draft.durability = durability
    draft.quorums = next ? [next] : []
  })
  return true
}

/** Whether enough of the new quorum have on disk whatever was acknowledged until now, whoever's word that was. */
async function isCovered(admin: PostgresAdmin, { count, names }: Quorum): Promise<boolean> {
  const { writtenLsn } = await admin.state()
  const slots = names.map(slotNameOf)
  const have = async () => (await admin.countFlushed(slots, writtenLsn)) >= count
  return waitUntil(have, { what: 'the new quorum having everything', timeoutMs: coverTimeoutMs, intervalMs: 10 }).catch(
    () => false,
  )
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
