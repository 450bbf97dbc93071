// A replica whose data is of no use any more becomes a copy of the present primary, from the beginning: the deposed
// primary after a failover, and one that cannot follow. What only the deposed one had is written down before.

import { rename } from 'node:fs/promises'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { salvageNode } from '../replication/salvage.ts'
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
    // Should the old quorum count on: a clone of the primary holds every word that this node gave.
    await setQuorum(system, shard, { leaving: id })
    await copyUntilItRuns(system, { node, shard })
    await caughtUp(system, id, shard)
  })
  await setQuorum(system, shard, { joining: [id] })
}

/** When it fails, or not all could be written down, the data stays under another name; the node comes back all the same. */
export async function salvageWrites(system: System, { node: id, shard }: Rebuild): Promise<void> {
  const node = system.keeper.node(id)
  if (!node?.deposed) return
  const { timeline, start, firstXid } = node.deposed
  const lost = { node, shard, timeline, divergedAt: start, promotedXid: firstXid }
  const isWhole = await salvageNode(system, lost).then(
    ({ complete }) => complete,
    () => false, // it has told why
  )
  if (isWhole) return
  const kept = `${dataDirOf(node)}.deposed-${timeline}`
  await rename(dataDirOf(node), kept).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error // an earlier run was killed just after it
  })
  system.events.emit('error', `the data of ${id}, whose last writes could not be written down, is kept at ${kept}`, {
    node: id,
  })
}
