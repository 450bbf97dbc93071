// The unplanned change of a primary:
//
//   1. fence: the old primary is ended, whatever state it is in, and a file in its directory keeps the app out of it
//      should anybody start it again
//   2. the replica is asked once more whether it has everything: what was seen while the old primary still sent is old
//   3. promote; 4. the new map sends everybody to it; 5. the other replicas follow it
//
// The old primary may have written more than anybody received. It is marked, and cloned anew by a repair of its own.
// Run again after a crash, each part finds done what is done.

import { systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import type { MapNode, MapShard } from '../../map/map.ts'
import { isFenced, raiseFence } from '../../programs/postgres/fence.ts'
import { killServer, stopMarkOf } from '../../programs/postgres/processes.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { elect, type Standby } from '../replication/election.ts'
import { shardOf } from '../replication/shards.ts'
import { askStandbys } from '../replication/standbys.ts'
import type { System } from '../system.ts'
import {
  followPrimary,
  isPromoted,
  othersOf,
  type PrimaryChange,
  prepareCandidate,
  publishPrimary,
} from './promotion.ts'

/** What is on its way from a dead primary is on the replicas' disks within this. */
const receiveTimeoutMs = 300
const receivePollMs = 10
/** A primary that hangs is asked once more for so long. */
const answerTimeoutMs = 300

export async function failOver(system: System, change: PrimaryChange): Promise<void> {
  const { keeper, fleet, locks } = system
  await locks.run(change.shard, async () => {
    const { primary } = shardOf(keeper.map.shards, change.shard)
    if (primary === change.to) return settle(system, change)
    if (primary !== change.from)
      throw new TenfoldError('step-failed', `the primary of ${change.shard} is ${primary} by now, not ${change.from}`)
    await fleet.exclusively(change.from, () => takeOver(system, change))
    await settle(system, change)
  })
}

async function takeOver(system: System, change: PrimaryChange): Promise<void> {
  const { keeper, postgres, events } = system
  const startedAtMs = systemClock.monotonic()
  const [source, target] = [keeper.node(change.from), keeper.node(change.to)]
  if (!source || !target) throw new TenfoldError('step-failed', `${change.from} or ${change.to} is not in the map`)
  await checkGone(system, source)
  await fence(system, source)
  await using to = await postgres.admin(target)
  const isDone = await isPromoted(to)
  if (isDone && !target.candidate)
    throw new TenfoldError('step-failed', `${change.to} is on a way of its own, nobody told it to be primary`)
  if (!isDone) await checkElected(system, change)
  await prepareCandidate(system, change, to)
  await to.promote()
  await publishPrimary(system, change, to, { isDiverged: true })
  const tookMs = Math.round(systemClock.monotonic() - startedAtMs)
  events.emit('warn', `${change.to} is the primary of ${change.shard}, ${tookMs} ms after the decision`, {
    node: change.to,
  })
}

/** The app first: it waits for the other replicas with its first commit, and for nothing else. */
async function settle(system: System, change: PrimaryChange): Promise<void> {
  await followPrimary(system, othersOf(system, change))
  const primary = system.keeper.node(change.to)
  if (primary) await system.postgres.configure(primary)
}

/** What was decided may be long ago: a supervisor died, or a start came first. One that serves is not killed. */
async function checkGone({ postgres }: System, source: MapNode): Promise<void> {
  const isThere = source.pid !== null && postgres.isAlive(source, source.pid)
  if (!isThere || stopMarkOf(source.pid as number) !== undefined || (await isFenced(dataDirOf(source)))) return
  const answering = async () => {
    await using admin = await postgres.admin(source)
    return !(await admin.isInRecovery())
  }
  const serves = await withTimeout(answering(), answerTimeoutMs, `${source.id} answering`).catch(() => false)
  if (serves) throw new TenfoldError('step-failed', `${source.id} serves again`)
}

/** Nobody can have a write acknowledged by it any more. A full disk may refuse the file; the end of its processes counts. */
async function fence({ events, keeper }: System, source: MapNode): Promise<void> {
  const dataDir = dataDirOf(source)
  await raiseFence(dataDir).catch((error) =>
    events.emit('warn', `${source.id} has no fence in its directory: ${describeError(error)}`, { node: source.id }),
  )
  await killServer(dataDir)
  await keeper.setState(source.id, 'down', { pid: null })
}

/** @throws step-failed when another replica has more, or too few answer: then somebody is elected anew. */
async function checkElected(system: System, { shard: id, to }: PrimaryChange): Promise<void> {
  const shard = shardOf(system.keeper.map.shards, id)
  const standbys = await settledStandbys(system, shard)
  const election = elect(shard, standbys)
  if (election.to === undefined) throw new TenfoldError('step-failed', `${to} cannot be promoted: ${election.why}`)
  const received = (node: string) => standbys.find((standby) => standby.node === node)?.receivedLsn ?? -1n
  if (received(election.to) > received(to))
    throw new TenfoldError('step-failed', `${to} has less than ${election.to}, which shall be promoted instead`)
}

async function settledStandbys(system: System, shard: MapShard): Promise<Standby[]> {
  const deadline = systemClock.monotonic() + receiveTimeoutMs
  const positions = (standbys: Standby[]) => standbys.map(({ node, receivedLsn }) => `${node} ${receivedLsn}`).join()
  let before = await askStandbys(system, shard)
  for (;;) {
    await systemClock.sleep(receivePollMs)
    const now = await askStandbys(system, shard)
    if (positions(now) === positions(before) || systemClock.monotonic() >= deadline) return now
    before = now
  }
}
