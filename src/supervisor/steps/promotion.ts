// What a switchover and a failover have in common: a replica is made ready to be primary, promoted, and named in the map;
// the other replicas then follow it.

import { waitUntil } from '../../base/limits.ts'
import { type MapNode, nodeOf, type SystemMap } from '../../map/map.ts'
import type { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { quorumOf } from '../replication/quorum.ts'
import { shardOf } from '../replication/shards.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'

const promoteTimeoutMs = 30_000
/** A process that hangs learns of it later; the replicas must follow before the first commit can be acknowledged. */
const publishPatienceMs = 300

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
 * list of its predecessor would wait for ever; it keeps from now on what the others have yet to read; and the map knows
 * that it may be promoted, should we be gone before it says so.
 */
export async function prepareCandidate(system: System, change: PrimaryChange, to: PostgresAdmin): Promise<void> {
  const { keeper, postgres } = system
  const { durability, replicas } = shardOf(keeper.map.shards, change.shard)
  const others = othersOf(system, change).map(({ id }) => id)
  const rest = [...replicas.filter((id) => id !== change.to), change.from]
  const quorum = quorumOf(durability, others, rest) ?? null
  await keeper.change((draft) => {
    const node = nodeOf(draft, change.to)
    if (node) node.candidate = { quorum }
  })
  if (await to.isInRecovery()) await postgres.configure(keeper.node(change.to) as MapNode)
  await to.reload()
  for (const id of rest) await to.createSlot(slotNameOf(id))
}

/**
 * Before another serves as primary: a candidate that was promoted, or may have been, goes another way than that one.
 * Whoever was not comes back to be a replica like the others.
 */
export async function dismissCandidates(system: System, shard: string): Promise<void> {
  const { keeper, postgres } = system
  for (const node of keeper.map.nodes.filter((node) => node.shard === shard && node.candidate)) {
    const wasPromoted = async () => {
      await using admin = await postgres.admin(node)
      return isPromoted(admin)
    }
    const diverged = await wasPromoted().catch(() => true)
    await keeper.change((draft) => {
      const found = nodeOf(draft, node.id)
      delete found?.candidate
      if (found && diverged) found.diverged = true
    })
  }
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

/**
 * The moment from which on everybody writes to the new primary. The old one is down, and a replica from now on. Until the
 * others have all that was acknowledged before, only the new primary's own disk surely has it (set-quorum.ts).
 */
export async function publishPrimary(
  system: System,
  change: PrimaryChange,
  to: PostgresAdmin,
  { isDiverged }: { isDiverged: boolean },
): Promise<void> {
  const { timeline, start, firstXid } = await to.timelineStart()
  const edit = (draft: SystemMap) => {
    const shard = shardOf(draft.shards, change.shard)
    const { durability } = shard
    const quorum = nodeOf(draft, change.to)?.candidate?.quorum
    const replicas = shard.replicas.filter((id) => id !== change.to && id !== change.from)
    Object.assign(shard, { primary: change.to, timeline, timelineStart: start, replicas: [...replicas, change.from] })
    shard.quorums = quorum ? [{ count: 1, names: [change.to] }, quorum] : []
    const since = new Date().toISOString()
    for (const node of draft.nodes.filter((node) => node.shard === change.shard)) {
      if (node.candidate && node.id !== change.to) node.diverged = true
      delete node.candidate
      if (node.id === change.to) {
        node.database = 'primary'
        delete node.fault
      }
      if (node.id === change.from) {
        Object.assign(node, { database: 'replica', state: 'down', pid: null, since })
        if (isDiverged) Object.assign(node, { diverged: true, deposed: { timeline, start, firstXid, durability } })
      }
      // Not read from until it is known to follow: it may show what the new primary never had.
      if (replicas.includes(node.id) && node.state === 'ready') Object.assign(node, { state: 'starting', since })
    }
  }
  await system.keeper.changeEverywhere(edit, publishPatienceMs)
}

/** One that cannot be told now is told by its next start, or replaced. */
export async function followPrimary({ postgres }: System, nodes: readonly MapNode[]): Promise<void> {
  const follow = async (node: MapNode) => {
    await postgres.configure(node)
    await postgres.reload(node)
  }
  await Promise.allSettled(nodes.map(follow))
}
