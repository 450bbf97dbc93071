// What a switchover and a failover have in common: a replica is made ready to be primary, promoted, and named in the map;
// the other replicas then follow it.

import { waitUntil } from '../../base/limits.ts'
import type { MapNode, Quorum } from '../../map/map.ts'
import type { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { quorumOf } from '../replication/quorum.ts'
import { shardOf } from '../replication/shards.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'

const promoteTimeoutMs = 30_000

export interface PrimaryChange {
  shard: string
  from: string
  to: string
}

/** Replicas that go on beside the new primary and can acknowledge its commits at once. */
export function othersOf({ keeper }: System, { shard, from, to }: PrimaryChange): MapNode[] {
  const isOther = (id: string) => id !== to && id !== from
  const others = shardOf(keeper.map.shards, shard)
    .replicas.filter(isOther)
    .flatMap((id) => keeper.node(id) ?? [])
  return others.filter((node) => node.pid !== null && !node.diverged)
}

/**
 * Before the promotion: whom its commits will wait for stands in its configuration, since a primary that opens with the
 * list of its predecessor would wait for ever; and it keeps from now on what the others have yet to read.
 */
export async function prepareCandidate(
  system: System,
  change: PrimaryChange,
  to: PostgresAdmin,
): Promise<Quorum | undefined> {
  const { keeper, postgres } = system
  const { durability, replicas } = shardOf(keeper.map.shards, change.shard)
  const others = othersOf(system, change)
  const rest = [...replicas.filter((id) => id !== change.to), change.from]
  const quorum = quorumOf(
    durability,
    others.map(({ id }) => id),
    rest,
  )
  await postgres.configure(keeper.node(change.to) as MapNode, { quorum: quorum ?? null })
  await to.reload()
  for (const id of rest) await to.createSlot(slotNameOf(id))
  return quorum
}

/**
 * Whether it is the primary by now. A promotion that was asked for, by us or by a supervisor that died, is waited for:
 * PostgreSQL refuses to resume the replay of a server whose promotion goes on, and else resuming changes nothing.
 */
export async function isPromoted(to: PostgresAdmin): Promise<boolean> {
  if (!(await to.isInRecovery())) return true
  const [row] = await to.query<{ isAsked: boolean }>(
    `SELECT (pg_stat_file('promote', true)).size IS NOT NULL AS "isAsked"`,
  )
  const refusal = await to.query('SELECT pg_wal_replay_resume()').then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!row?.isAsked && refusal === undefined) return false
  await waitUntil(async () => !(await to.isInRecovery()), {
    what: 'the promotion that was asked for before',
    timeoutMs: promoteTimeoutMs,
  })
  return true
}

/** The moment from which on everybody writes to the new primary. The old one is down, and a replica from now on. */
export async function publishPrimary(
  system: System,
  change: PrimaryChange,
  to: PostgresAdmin,
  { quorum, isDiverged }: { quorum: Quorum | undefined; isDiverged: boolean },
): Promise<void> {
  const { timeline, start, firstXid } = await to.timelineStart()
  await system.keeper.changeEverywhere((draft) => {
    const shard = shardOf(draft.shards, change.shard)
    const replicas = shard.replicas.filter((id) => id !== change.to && id !== change.from)
    Object.assign(shard, { primary: change.to, timeline, timelineStart: start })
    shard.replicas = [...replicas, change.from]
    shard.quorums = quorum ? [quorum] : []
    const since = new Date().toISOString()
    for (const node of draft.nodes) {
      if (node.id === change.to) {
        node.database = 'primary'
        delete node.fault
      }
      if (node.id === change.from) Object.assign(node, { database: 'replica', state: 'down', pid: null, since })
      if (node.id === change.from && isDiverged)
        Object.assign(node, { diverged: true, deposed: { timeline, start, firstXid } })
      // Not read from until it is known to follow: it may show what the new primary never had.
      if (replicas.includes(node.id) && node.state === 'ready') Object.assign(node, { state: 'starting', since })
    }
  })
}

/** One that cannot be told now is told by its next start, or replaced. */
export async function followPrimary(system: System, nodes: readonly MapNode[], primary?: MapNode): Promise<void> {
  const follow = async (node: MapNode) => {
    await system.postgres.configure(node, primary ? { follow: primary } : {})
    await using admin = await system.postgres.admin(node)
    await admin.reload()
  }
  await Promise.allSettled(nodes.map(follow))
}
