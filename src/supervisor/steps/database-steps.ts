// Steps on databases, but for the change of a primary (switch-primary.ts, fail-over.ts). Each may be run again after a
// crash. Whatever is cloned is cloned from whoever is primary by then.

import { rm } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { describeError, isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { type MapNode, newShard, nodeOf } from '../../map/map.ts'
import type { NodeSpec } from '../../plan/step.ts'
import { cloneCluster } from '../../programs/postgres/clone.ts'
import { createCluster } from '../../programs/postgres/cluster.ts'
import { placeDataDir } from '../../programs/postgres/owner.ts'
import { killServer } from '../../programs/postgres/processes.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { pointAtPrimary } from '../replication/follow.ts'
import { settleQuorum } from '../replication/set-quorum.ts'
import { primaryOf, shardOf } from '../replication/shards.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'

const catchUpTimeoutMs = 120_000
/** A replica that is no further behind than this counts as caught up; a switch waits for the rest. */
const closeLagBytes = 1024 * 1024
/** A replica that does not stream is pointed at the primary again after so long. */
const pointAgainMs = 1000
/** A source or a copy that was killed in the middle is back by the next attempt. */
const cloneAttemptsMax = 10
const cloneRetryMs = 1000
/** A line for each piece would bury everything else. */
const progressEveryMs = 2000

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
    draft.shards.push(newShard({ id: step.shard, slots: step.slots, primary: node.id }, timeline))
  })
}

/** Resolves when the copy streams and is close behind. At once when it is a replica that runs already. */
export async function cloneDatabase(system: System, step: { node: NodeSpec; shard: string }): Promise<void> {
  const { keeper } = system
  await system.locks.run(step.node.id, async () => {
    const isThere = () => keeper.node(step.node.id)?.state === 'ready'
    if (!isThere()) await copyUntilItRuns(system, step)
  })
  await caughtUp(system, step.node.id, step.shard)
}

/** @throws what the last attempt ended with; disk-full at once. */
export async function copyUntilItRuns(system: System, step: { node: NodeSpec; shard: string }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await copyAndStart(system, step)
    } catch (error) {
      const isFinal = isTenfoldError(error, 'disk-full') || system.stopping().aborted
      if (attempt === cloneAttemptsMax || isFinal) throw error
      const message = `${step.node.id} is cloned once more: ${describeError(error)}`
      system.events.emit('warn', message, { node: step.node.id })
      await systemClock.sleep(cloneRetryMs)
    }
  }
}

/** The primary may change while one waits: then the replica is pointed at the new one. */
export async function caughtUp(system: System, id: string, shard: string): Promise<void> {
  const { keeper, postgres } = system
  let pointedAtMs = systemClock.monotonic()
  const isClose = async () => {
    if (shardOf(keeper.map.shards, shard).primary === id) return true
    await using primary = await postgres.admin(primaryOf(system, shard))
    const replica = (await primary.lag()).find(({ name }) => name === slotNameOf(id))
    if (replica) return replica.lagBytes <= closeLagBytes
    const node = keeper.node(id)
    if (node && systemClock.monotonic() - pointedAtMs >= pointAgainMs) {
      pointedAtMs = systemClock.monotonic()
      await pointAtPrimary(system, node)
    }
    return false
  }
  await waitUntil(isClose, {
    what: `${id} catching up`,
    timeoutMs: catchUpTimeoutMs,
    intervalMs: 50,
    signal: system.stopping(),
  })
}

/** From the beginning, whatever an attempt before has left. */
export async function copyAndStart(system: System, step: { node: NodeSpec; shard: string }): Promise<void> {
  const { fleet, secrets, postgres, events, keeper } = system
  const source = primaryOf(system, step.shard)
  const node = await addNode(system, step.node, step.shard, 'replica')
  await fleet.stopNode(node.id)
  await killServer(dataDirOf(node)) // stopped children of one that was paused would stay
  {
    await using admin = await postgres.admin(source)
    await admin.dropSlot(slotNameOf(node.id))
    await admin.createSlot(slotNameOf(node.id))
  }
  await rm(dataDirOf(node), { recursive: true, force: true })
  let toldAtMs = systemClock.monotonic()
  await cloneCluster({
    from: source,
    secrets: secrets.postgres,
    dataDir: dataDirOf(node),
    slot: slotNameOf(node.id),
    signal: system.stopping(),
    onProgress: ({ bytes, totalBytes }) => {
      if (systemClock.monotonic() - toldAtMs < progressEveryMs) return
      toldAtMs = systemClock.monotonic()
      const [done, all] = [bytes, totalBytes].map((count) => Math.round(count / 2 ** 20))
      events.emit('info', `${node.id}: ${done} of ${all} MiB copied`, { node: node.id })
    },
  })
  if (node.diverged || node.candidate)
    await keeper.change((draft) => {
      const found = nodeOf(draft, node.id)
      delete found?.diverged
      delete found?.deposed
      delete found?.candidate
    })
  await fleet.startNode(node.id)
}

export async function removeDatabase(system: System, step: { node: string; shard: string }): Promise<void> {
  await system.locks.run(step.node, async () => {
    const { keeper, fleet, postgres } = system
    const node = keeper.node(step.node)
    const shard = keeper.map.shards.find((candidate) => candidate.id === step.shard)
    if (!node || shard?.primary === step.node) return
    // Before its data goes: nobody may count on its word from here on.
    if (shard) await settleQuorum(system, shard.id, { leaving: node.id })
    await fleet.stopNode(node.id)
    await rm(dataDirOf(node), { recursive: true, force: true })
    if (shard) {
      await using admin = await postgres.admin(primaryOf(system, shard.id))
      await admin.dropSlot(slotNameOf(node.id))
      // A switch that was given up for good may have left it fenced.
      await admin.unfence()
    }
    await keeper.changeEverywhere((draft) => {
      draft.nodes = draft.nodes.filter((candidate) => candidate.id !== node.id)
      const owner = draft.shards.find((candidate) => candidate.id === step.shard)
      if (owner) owner.replicas = owner.replicas.filter((replica) => replica !== node.id)
    })
    // A later node of that name has nothing to do with this one.
    fleet.forget(node.id)
    await rm(system.home.repairJournalOf(node.id), { force: true })
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
