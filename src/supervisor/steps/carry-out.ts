// Which function carries out which step.

import { scaleWithin } from '../../plan/plan-scale.ts'
import type { Step } from '../../plan/step.ts'
import { setDurability } from '../replication/set-quorum.ts'
import type { System } from '../system.ts'
import { clearCache, formCluster, tuneCache } from './cache-steps.ts'
import { cloneDatabase, createDatabase, removeDatabase } from './database-steps.ts'
import { failOver } from './fail-over.ts'
import { leaveEntry, startNode, stopNode } from './process-steps.ts'
import { emptyBroker, useQueue } from './queue-steps.ts'
import { rebuildReplica, salvageWrites } from './rebuild-replica.ts'
import { switchPrimary } from './switch-primary.ts'

/** Each may be run again after a crash at any point of it. */
export function carryOutStep(system: System, step: Step): Promise<void> {
  switch (step.kind) {
    case 'set-topology':
      return system.keeper.changeEverywhere((draft) => {
        draft.topology = step.topology
        // What an earlier load asked for beyond these bounds says nothing to a later topology.
        const scale = scaleWithin(draft, step.topology)
        if (scale) draft.scale = scale
        else delete draft.scale
      })
    case 'create-database':
      return createDatabase(system, step)
    case 'clone-database':
      return cloneDatabase(system, step)
    case 'switch-primary':
      return switchPrimary(system, step)
    case 'fail-over':
      return failOver(system, step)
    case 'salvage-writes':
      return salvageWrites(system, step)
    case 'rebuild-replica':
      return rebuildReplica(system, step)
    case 'set-durability':
      return setDurability(system, step)
    case 'remove-database':
      return removeDatabase(system, step)
    case 'tune-cache':
      return tuneCache(system, step.node)
    case 'form-cluster':
      return formCluster(system, step.nodes)
    case 'use-cache':
      return system.keeper.changeEverywhere((draft) => {
        if (step.cache) draft.cache = step.cache
        else delete draft.cache
      })
    case 'clear-cache':
      return clearCache(system, step.nodes)
    case 'move-sessions':
      return system.keeper.changeEverywhere((draft) => {
        draft.sessions = step.to
      })
    case 'use-queue':
      return useQueue(system, step.queue)
    case 'empty-broker':
      return emptyBroker(system, step.nodes)
    case 'set-scale':
      return system.keeper.change((draft) => {
        const { kind: _, ...numbers } = step
        draft.scale = { ...draft.scale, ...numbers }
      })
    case 'start-node':
      return startNode(system, step.node)
    case 'leave-entry':
      return leaveEntry(system, step.node)
    case 'stop-node':
      return stopNode(system, step.node)
    case 'reach-rung':
      return system.keeper.changeEverywhere((draft) => {
        draft.rung = step.rung
      })
  }
}
