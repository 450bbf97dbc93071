// On every primary in asynchronous mode a slot trails the replicas, so that what they lack can be decoded when it is dead.

import { systemClock } from '../../base/clock.ts'
import { describeError } from '../../base/errors.ts'
import type { MapNode, MapShard } from '../../map/map.ts'
import { PostgresConnection } from '../../programs/postgres/connection.ts'
import { databaseName } from '../../programs/postgres/contract.ts'
import { parseLsn } from '../../programs/postgres/lsn.ts'
import {
  advanceSalvageSlot,
  dropSalvageSlot,
  ensureSalvageSlot,
  readSalvageSlot,
  salvageSlotName,
} from '../../programs/postgres/salvage/slot.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { shardOf } from './shards.ts'

/** A slot that trails by this much costs some megabytes of log, and a look costs a connection. */
const keepIntervalMs = 5000

type SlotSystem = Pick<System, 'keeper' | 'secrets' | 'events'>

interface Keeping {
  isUnderWay: boolean
  isMaking: boolean
  nextAtMs: number
  lastTrouble: string | undefined
}

const keepings = new WeakMap<SlotSystem, Map<string, Keeping>>()

/**
 * Sees to it that the primary has its slot, and that the slot follows the replicas. Returns at once: what there is to do
 * is done beside, one thing at a time; called again meanwhile, or too soon, it does nothing. Never throws: trouble is an
 * event, once until it changes.
 */
export function keepSalvageSlot(system: SlotSystem, shard: string): void {
  const keeping = keepingOf(system, shard)
  const nowMs = systemClock.monotonic()
  if (keeping.isUnderWay || nowMs < keeping.nextAtMs) return
  keeping.isUnderWay = true
  keeping.nextAtMs = nowMs + keepIntervalMs
  void keep(system, shard, keeping)
    .then(() => {
      keeping.lastTrouble = undefined
    })
    .catch((error: unknown) => tellTrouble(system, shard, keeping, error))
    .finally(() => {
      keeping.isUnderWay = false
    })
}

/** On every server of the shard that answers; for a shard that is asynchronous no more. May be called again. */
export async function dropSalvageSlots(system: SlotSystem, shard: string): Promise<void> {
  const { primary, replicas } = shardOf(system.keeper.map.shards, shard)
  const nodes = [primary, ...replicas].flatMap((id) => system.keeper.node(id) ?? [])
  await Promise.all(nodes.filter((node) => node.state === 'ready').map((node) => dropOn(system, node)))
}

async function keep(system: SlotSystem, id: string, keeping: Keeping): Promise<void> {
  const { keeper } = system
  const shard = shardOf(keeper.map.shards, id)
  const primary = keeper.node(shard.primary)
  if (primary?.state !== 'ready') return
  // A primary that became a replica by a switch has left its slot behind, and a slot that nobody moves keeps the log.
  for (const replica of shard.replicas.flatMap((id) => keeper.node(id) ?? []))
    if (replica.state === 'ready') await dropOn(system, replica).catch(() => {}) // tried again next time
  if (shard.replicas.length === 0) return dropOn(system, primary)
  await using connection = await PostgresConnection.connect(addressOf(system, primary))
  const slot = await readSalvageSlot(connection)
  if (!slot || slot.invalid !== undefined) {
    if (slot?.invalid !== undefined)
      system.events.emit('warn', `${salvageSlotName} on ${primary.id} is of no use (${slot.invalid}); it is made anew`)
    if (!keeping.isMaking) makeInBackground(system, primary, id, keeping)
    return
  }
  const replayed = await leastReplayed(connection, shard, keeper.map.nodes)
  if (replayed !== undefined) await advanceSalvageSlot(connection, replayed)
}

/** Beside everything else: it waits for every transaction that writes at that moment. */
function makeInBackground(system: SlotSystem, primary: MapNode, shard: string, keeping: Keeping): void {
  keeping.isMaking = true
  const making = async () => {
    await using connection = await PostgresConnection.connect(addressOf(system, primary))
    await ensureSalvageSlot(connection)
  }
  void making()
    .catch((error: unknown) => tellTrouble(system, shard, keeping, error))
    .finally(() => {
      keeping.isMaking = false
    })
}

/**
 * How far every replica that could become the primary has replayed; undefined while one of them is not heard of, since
 * that one may be the one. What is replayed ends with a record; what is flushed may end within the commit that gets lost.
 */
async function leastReplayed(
  connection: PostgresConnection,
  shard: MapShard,
  nodes: readonly MapNode[],
): Promise<bigint | undefined> {
  const rows = await connection.query<{ name: string; replayed: string }>(
    `SELECT application_name AS name, replay_lsn::text AS replayed FROM pg_stat_replication
     WHERE state = 'streaming' AND replay_lsn IS NOT NULL`,
  )
  const replayedBy = new Map(rows.map(({ name, replayed }) => [name, parseLsn(replayed)]))
  const candidates = shard.replicas.filter((id) => !nodes.find((node) => node.id === id)?.diverged)
  const positions = candidates.map((id) => replayedBy.get(slotNameOf(id)))
  if (positions.length === 0 || positions.includes(undefined)) return undefined
  return (positions as bigint[]).sort((a, b) => (a < b ? -1 : 1))[0]
}

async function dropOn(system: SlotSystem, node: MapNode): Promise<void> {
  await using connection = await PostgresConnection.connect(addressOf(system, node))
  if (await readSalvageSlot(connection)) await dropSalvageSlot(connection)
}

function addressOf({ secrets }: SlotSystem, { address, port }: MapNode) {
  return { address, port, secrets: secrets.postgres, database: databaseName }
}

function keepingOf(system: SlotSystem, shard: string): Keeping {
  const ofSystem = keepings.get(system) ?? new Map<string, Keeping>()
  keepings.set(system, ofSystem)
  const keeping = ofSystem.get(shard) ?? { isUnderWay: false, isMaking: false, nextAtMs: 0, lastTrouble: undefined }
  ofSystem.set(shard, keeping)
  return keeping
}

function tellTrouble(system: SlotSystem, shard: string, keeping: Keeping, error: unknown): void {
  const trouble = describeError(error)
  if (trouble === keeping.lastTrouble) return
  keeping.lastTrouble = trouble
  system.events.emit('warn', `the slot ${salvageSlotName} of ${shard} could not be looked after: ${trouble}`)
}
