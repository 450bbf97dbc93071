// Points a replica at whoever is primary by now: one that was started in the moment in which the primary changed follows
// the former one, which has nothing for it.

import type { MapNode } from '../../map/map.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { primaryOf } from './shards.ts'

/** May be called again. @throws what either server ends with. */
export async function pointAtPrimary(system: System, node: MapNode): Promise<void> {
  const { postgres } = system
  if (node.shard === undefined || node.pid === null) return
  {
    await using primary = await postgres.admin(primaryOf(system, node.shard))
    await primary.createSlot(slotNameOf(node.id))
  }
  if (system.keeper.node(node.id)?.database !== 'replica') return // promoted meanwhile
  await postgres.configure(node)
  await postgres.reload(node)
}
