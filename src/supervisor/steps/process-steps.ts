// Steps on processes of ours. Each may be run again after a crash at any point.

import type { NodeSpec } from '../../plan/step.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { System } from '../system.ts'

export async function startNode(system: System, spec: NodeSpec): Promise<void> {
  const { keeper, fleet } = system
  if (!keeper.node(spec.id))
    await keeper.change((draft) => {
      draft.nodes.push({ ...spec, pid: null, state: 'starting', since: new Date().toISOString(), restarts: 0 })
    })
  try {
    await fleet.startNode(spec.id)
  } catch (error) {
    await fleet.forgetNode(spec.id)
    throw error
  }
  // Whoever forwards to it or stops serving in its favour knows of it before the next step.
  await keeper.changeEverywhere(() => {})
}

export async function leaveEntry(system: System, id: string): Promise<void> {
  if (!system.keeper.node(id)) return
  await new DoorClient(system.home, id).leaveEntry()
  await system.keeper.changeEverywhere((draft) => {
    const node = draft.nodes.find((candidate) => candidate.id === id)
    if (node) node.entry = false
  })
}

export async function stopNode(system: System, id: string): Promise<void> {
  if (!system.keeper.node(id)) return
  await system.fleet.stopNode(id)
  await system.fleet.forgetNode(id)
}
