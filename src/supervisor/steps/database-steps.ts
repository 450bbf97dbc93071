// Steps on databases, but for the switch of a primary (switch-primary.ts). Each may be run again after a crash.

import { rm } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { describeError, isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { MapNode } from '../../map/map.ts'
import type { NodeSpec } from '../../plan/step.ts'
import { cloneCluster } from '../../programs/postgres/clone.ts'
import { createCluster } from '../../programs/postgres/cluster.ts'
import { placeDataDir } from '../../programs/postgres/owner.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'

const catchUpTimeoutMs = 120_000
/** A replica that is no further behind than this counts as caught up; the switch waits for the rest. */
const closeLagBytes = 1024n * 1024n
/** A source or a copy that was killed in the middle is back by the next attempt. */
const cloneAttemptsMax = 5
const cloneRetryMs = 1000

export async function createDatabase(
  system: System,
  step: { node: NodeSpec; shard: string; slots: number[] },
): Promise<void> {
  const { keeper, fleet, secrets, postgres } = system
  if (keeper.map.shards.some((shard) => shard.id === step.shard)) return
  const node = await addNode(system, step.node, step.shard, 'primary')
  try {
    await createCluster({ dataDir: dataDirOf(node), secrets: secrets.postgres })
    await fleet.startNode(node.id)
  } catch (error) {
    // It never held anything: leave nothing that a second try would stumble over.
    await fleet.forgetNode(node.id)
    await rm(dataDirOf(node), { recursive: true, force: true })
    throw error
  }
  await using admin = await postgres.admin(node)
  await admin.bootstrap(secrets.postgres)
  const { timeline } = await admin.state()
  await keeper.changeEverywhere((draft) => {
    draft.shards.push({
      id: step.shard,
      slots: step.slots,
      primary: node.id,
      replicas: [],
      timeline,
      timelineStart: '0/0',
      durability: 'single',
      quorums: [],
    })
  })
}

export async function cloneDatabase(
  system: System,
  step: { node: NodeSpec; shard: string; from: string },
): Promise<void> {
  const { keeper, postgres, events } = system
  const source = keeper.node(step.from)
  const target = keeper.node(step.node.id)
  if (!source || target?.database === 'primary') return
  // A switch that broke off after the promotion: there is nothing to catch up with, the switch itself goes on.
  if (target?.state === 'ready' && (await isPromoted(system, target))) return
  for (let attempt = 1; keeper.node(step.node.id)?.state !== 'ready'; attempt++) {
    try {
      await copyAndStart(system, step, source)
    } catch (error) {
      if (attempt === cloneAttemptsMax || isTenfoldError(error, 'disk-full')) throw error
      events.emit('warn', `${step.node.id} is cloned once more: ${describeError(error)}`, { node: step.node.id })
      await systemClock.sleep(cloneRetryMs)
    }
  }
  await waitUntil(
    async () => {
      await using primary = await postgres.admin(source)
      const [replica] = (await primary.lag()).filter(({ name }) => name === slotNameOf(step.node.id))
      return replica !== undefined && BigInt(replica.lagBytes) <= closeLagBytes
    },
    { what: `${step.node.id} catching up with ${step.from}`, timeoutMs: catchUpTimeoutMs, intervalMs: 50 },
  )
}

/** From the beginning, whatever an attempt before has left. */
export async function copyAndStart(
  system: System,
  step: { node: NodeSpec; shard: string },
  source: MapNode,
): Promise<void> {
  const { fleet, secrets, postgres, events } = system
  const node = await addNode(system, step.node, step.shard, 'replica')
  await fleet.stopNode(node.id)
  {
    await using admin = await postgres.admin(source)
    await admin.createSlot(slotNameOf(node.id))
  }
  await rm(dataDirOf(node), { recursive: true, force: true })
  await cloneCluster({
    from: source,
    secrets: secrets.postgres,
    dataDir: dataDirOf(node),
    slot: slotNameOf(node.id),
    onProgress: ({ bytes }) =>
      events.emit('info', `${node.id}: ${Math.round(bytes / 2 ** 20)} MiB copied`, { node: node.id }),
  })
  await fleet.startNode(node.id)
}

async function isPromoted({ postgres }: System, node: MapNode): Promise<boolean> {
  try {
    await using admin = await postgres.admin(node)
    return !(await admin.state()).isInRecovery
  } catch {
    return false // it does not answer now; whoever needs it finds out
  }
}

export async function removeDatabase(system: System, step: { node: string; shard: string }): Promise<void> {
  const { keeper, fleet, postgres } = system
  const node = keeper.node(step.node)
  const shard = keeper.map.shards.find((candidate) => candidate.id === step.shard)
  if (!node || shard?.primary === step.node) return
  await fleet.stopNode(node.id)
  await rm(dataDirOf(node), { recursive: true, force: true })
  const primary = shard && keeper.node(shard.primary)
  if (primary) {
    await using admin = await postgres.admin(primary)
    await admin.dropSlot(slotNameOf(node.id))
    // A switch that was given up for good may have left it fenced.
    await admin.unfence()
  }
  await keeper.changeEverywhere((draft) => {
    draft.nodes = draft.nodes.filter((candidate) => candidate.id !== node.id)
    const owner = draft.shards.find((candidate) => candidate.id === step.shard)
    if (owner) owner.replicas = owner.replicas.filter((replica) => replica !== node.id)
  })
}

async function addNode(
  system: System,
  spec: NodeSpec,
  shard: string,
  database: 'primary' | 'replica',
): Promise<MapNode> {
  const { keeper, home } = system
  const dataDir = await placeDataDir(home.dir, keeper.map.system, spec.id)
  if (!keeper.node(spec.id))
    await keeper.change((draft) => {
      const since = new Date().toISOString()
      draft.nodes.push({ ...spec, pid: null, state: 'starting', since, restarts: 0, shard, database, dataDir })
      if (database === 'replica') draft.shards.find((candidate) => candidate.id === shard)?.replicas.push(spec.id)
    })
  return keeper.node(spec.id) as MapNode
}
