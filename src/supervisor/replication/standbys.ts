// What the replicas of a shard say of themselves. Whoever does not answer in time has no say, nor has one that still
// reads its own log after a start: it may have more than it knows.

import { withTimeout } from '../../base/limits.ts'
import type { MapNode, MapShard } from '../../map/map.ts'
import type { System } from '../system.ts'
import type { Standby } from './election.ts'

const answerTimeoutMs = 1000

export async function askStandbys(system: System, shard: MapShard): Promise<Standby[]> {
  const nodes = shard.replicas.flatMap((id) => system.keeper.node(id) ?? [])
  const usable = nodes.filter((node) => node.pid !== null && !node.diverged)
  const answers = await Promise.all(usable.map((node) => askStandby(system, node).catch(() => undefined)))
  return answers.filter((answer) => answer !== undefined)
}

/** Undefined when it has no say. @throws when it does not answer. */
export async function askStandby({ postgres }: System, node: MapNode): Promise<Standby | undefined> {
  const asking = async () => {
    await using admin = await postgres.admin(node)
    const { isInRecovery, timeline, writtenLsn, replayedLsn, isComplete } = await admin.state()
    // One that was promoted, though the map does not say so, goes another way.
    if (!isComplete || !isInRecovery) return undefined
    return { node: node.id, timeline, receivedLsn: writtenLsn, replayedLsn }
  }
  return withTimeout(asking(), answerTimeoutMs, `${node.id} saying where it stands`)
}
