// Steps on processes of ours. Each may be run again after a crash at any point.

import { rm } from 'node:fs/promises'
import { describeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { edgeDirOf, haproxyDirOf } from '../../map/home.ts'
import type { SystemMap } from '../../map/map.ts'
import type { NodeSpec } from '../../plan/step.ts'
import { DoorClient } from '../../processes/door/client.ts'
import { placeDataDir } from '../../programs/postgres/owner.ts'
import { isProcessAlive } from '../../programs/process.ts'
import type { System } from '../system.ts'

/** A process that hangs is killed by the watcher within this. */
const leaveTimeoutMs = 60_000

export async function startNode(system: System, spec: NodeSpec): Promise<void> {
  const { keeper, fleet, events } = system
  if (!keeper.node(spec.id)) {
    const since = new Date().toISOString()
    // They may run as another user than we do, who has to reach their directory.
    const hasDir = spec.role === 'redis' || spec.role === 'nats'
    const dataDir = hasDir ? await placeDataDir(system.home.dir, keeper.map.system, spec.id) : undefined
    await keeper.change((draft) => {
      draft.nodes.push({ ...spec, pid: null, state: 'starting', since, restarts: 0, ...(dataDir && { dataDir }) })
    })
  }
  try {
    await fleet.startNode(spec.id)
  } catch (error) {
    // Jobs lie there that lie nowhere else, perhaps: it stays as it is, and the watcher goes on with it.
    if (isBrokerInUse(keeper.map, spec.id)) throw error
    // What cannot be stopped stays in the map: `tenfold down` and a later plan still know of it.
    await stopNode(system, spec.id).catch((left) =>
      events.emit('error', `what ${spec.id} left could not be stopped: ${describeError(left)}`, { node: spec.id }),
    )
    throw error
  }
  // Whoever forwards to it or stops serving in its favour knows of it before the next step.
  await keeper.changeEverywhere(() => {})
}

/** The map first: a process that dies now comes back without the public address. One that lives is told until it heeds. */
export async function leaveEntry(system: System, id: string): Promise<void> {
  const { keeper, home } = system
  if (!keeper.node(id)) return
  await keeper.changeEverywhere((draft) => {
    const node = draft.nodes.find((candidate) => candidate.id === id)
    if (node) node.entry = false
  })
  const hasLeft = async () => {
    const pid = keeper.node(id)?.pid ?? null
    return pid === null || !isProcessAlive(pid) || !(await new DoorClient(home, id).leaveEntry()).hasEntry
  }
  await waitUntil(hasLeft, { what: `${id} leaving the public address`, timeoutMs: leaveTimeoutMs })
}

export async function stopNode(system: System, id: string): Promise<void> {
  const node = system.keeper.node(id)
  if (!node) return
  await system.fleet.stopNode(id)
  // A later node of that name must not find what this one kept.
  const dirs = [edgeDirOf(system.home, id), haproxyDirOf(system.home, id), node.dataDir]
  for (const dir of dirs) if (dir !== undefined) await rm(dir, { recursive: true, force: true })
  await system.fleet.forgetNode(id)
}

function isBrokerInUse({ queue }: SystemMap, id: string): boolean {
  return queue !== undefined && [queue.nodes, ...(queue.left ?? [])].some((nodes) => nodes.includes(id))
}
