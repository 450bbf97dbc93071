// The planned change of a primary. Nothing fails and nothing is lost:
//
//   1. hold: every router lets what is in flight finish and keeps new statements waiting
//   2. the old primary is stopped in order: it sends the replicas all that it ever wrote, and then it is gone
//   3. the replica, which has all of it, is promoted; 4. the new map lets the routers go on there
//   5. the old primary, which has nothing that the new one lacks, comes back as its replica
//
// A crash after 2 leaves routers waiting (up to database.holdMsMax) for a supervisor that runs this step again; before 2
// their hold ends with its lease and nothing has happened. Run again, each part finds done what is done. Whatever else
// fails puts the switch off: the old primary is started again and serves, and then it is tried once more. That is safe at
// any moment before 4, also when the replica was promoted already: nobody has been told to write to it.

import { systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { MapNode } from '../../map/map.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { readShutdownLsn } from '../../programs/postgres/control-file.ts'
import { isFenced, lowerFence, raiseFence } from '../../programs/postgres/fence.ts'
import { killServer } from '../../programs/postgres/processes.ts'
import { stopServer } from '../../programs/postgres/server.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { shardOf } from '../replication/shards.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { copyAndStart } from './database-steps.ts'
import {
  dismissCandidates,
  followPrimary,
  isPromoted,
  othersOf,
  type PrimaryChange,
  prepareCandidate,
  publishPrimary,
} from './promotion.ts'

/** Enough for a server that was killed to recover, and for a statement that takes its time. */
const attemptsMax = 60
const retryDelayMs = 500
/** Longer than the whole switch takes, shorter than a client's patience. */
const holdLeaseMs = 5000
/** How long what is in flight may take before the attempt is put off. */
const drainMs = 300
/** A replica that hangs keeps the old primary from stopping in order; after this it is stopped at once. */
const stopTimeoutMs = 1500
const receiveTimeoutMs = 2000
const pollMs = 2
const followTimeoutMs = 8000
const checkpointTimeoutMs = 10_000

type Outcome = { isDone: true } | { isDone: false; why: string; mustRestart?: boolean }

export async function switchPrimary(system: System, change: PrimaryChange): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await trySwitch(system, change).catch((error: unknown): Outcome => {
      if (error instanceof TenfoldError && error.code === 'step-failed') throw error
      return { isDone: false, why: describeError(error) }
    })
    if (outcome.isDone) return
    if (attempt === attemptsMax)
      throw new TenfoldError(
        'step-failed',
        `${change.to} could not become primary after ${attemptsMax} attempts: ${outcome.why}`,
      )
    system.events.emit('info', `putting the switch off: ${outcome.why}`, { step: 'switch-primary' })
    await systemClock.sleep(retryDelayMs)
  }
}

/** What may take long comes first, without the shard's lock: meanwhile the primary may die, and be replaced. */
async function trySwitch(system: System, change: PrimaryChange): Promise<Outcome> {
  const { keeper, postgres, locks } = system
  const { primary } = shardOf(keeper.map.shards, change.shard)
  const target = keeper.node(change.to)
  const source = keeper.node(change.from)
  if (primary === change.to) return bringBack(system, change)
  if (primary !== change.from)
    throw new TenfoldError('step-failed', `the primary of ${change.shard} is ${primary}, not ${change.from}`)
  if (!target || !source)
    throw new TenfoldError('step-failed', `${change.to} or ${change.from} is gone, they cannot change places`)
  if (await isFenced(dataDirOf(source))) return locks.run(change.shard, () => resume(system, change, source))
  if (!postgres.isAlive(source, source.pid ?? 0)) return { isDone: false, why: `${source.id} is down` }
  await using to = await postgres.admin(target)
  await using from = await postgres.admin(source)
  // A cut that broke off: the replica may have been promoted, and is on a timeline of its own that leads nowhere.
  if (!(await follows(from, change.to))) {
    await locks.run(target.id, () => copyAndStart(system, { node: target, shard: change.shard }))
    return { isDone: false, why: `${change.to} did not follow ${change.from} any more and was cloned anew` }
  }
  // Little to write at the stop and at the promotion, little to read after it, and so a short pause.
  await from.beginSegment()
  await Promise.all([from.checkpoint(checkpointTimeoutMs), to.checkpoint(checkpointTimeoutMs)])
  const outcome = await locks.run(change.shard, () => cutOver(system, change, from, to))
  if (outcome.isDone) return bringBack(system, change)
  await dismissCandidates(system, change.shard)
  if (outcome.mustRestart) await serveAgain(system, source)
  await followPrimary(system, othersOf(system, change))
  return outcome
}

async function cutOver(
  system: System,
  change: PrimaryChange,
  from: PostgresAdmin,
  to: PostgresAdmin,
): Promise<Outcome> {
  const { keeper, postgres, fleet } = system
  return fleet.exclusively(change.from, async () => {
    const [source, target] = [keeper.node(change.from), keeper.node(change.to)]
    const isStill = shardOf(keeper.map.shards, change.shard).primary === change.from
    if (!isStill || !source || !target || !postgres.isAlive(source, source.pid ?? 0))
      return { isDone: false, why: `${change.from} is not the primary any more, or is down` }
    await prepareCandidate(system, change, to)
    const others = othersOf(system, change)
    await Promise.all(others.map((node) => postgres.configure(node, { follow: target })))
    const routers = keeper.map.nodes.filter((node) => node.role === 'web' || node.role === 'worker')
    const heldAtMs = systemClock.monotonic()
    let ending: Promise<unknown> | undefined
    try {
      const busy = await hold(system, routers)
      if (busy !== undefined) return { isDone: false, why: busy }
      // Nothing waits for the others any more: they follow the candidate by now, as their configuration has it, so that the
      // first commits need not wait for them. One that cannot be told now is told later.
      const telling = Promise.allSettled(others.map((node) => postgres.reload(node)))
      // The fence: nobody starts it again by mistake.
      await Promise.all([from.close(), raiseFence(dataDirOf(source))])
      ending = stopServer(source.pid as number, 'fast', stopTimeoutMs, stopTimeoutMs)
      await receiveAll(source, to, ending)
      await Promise.all([to.promote(), telling])
      await publishPrimary(system, change, to, { isDiverged: false })
      const heldMs = Math.round(systemClock.monotonic() - heldAtMs)
      const message = `${change.to} is the primary of ${change.shard}; writes were held for ${heldMs} ms`
      system.events.emit('info', message, { node: change.to })
      return { isDone: true }
    } catch (error) {
      return { isDone: false, why: describeError(error), mustRestart: true }
    } finally {
      // A hold that is not needed any more: the new map has ended it already where it arrived.
      void release(system, routers)
      await ending?.catch(() => {}) // who cannot be stopped cannot be started either, which is told then
    }
  })
}

/** The old primary was stopped by an earlier supervisor that died in the middle of this. */
async function resume(system: System, change: PrimaryChange, source: MapNode): Promise<Outcome> {
  const { keeper, postgres, fleet } = system
  const target = keeper.node(change.to) as MapNode
  const isPublished = await fleet.exclusively(change.from, async () => {
    // Nobody may have started the old one: what it then acknowledged would be lost.
    const runs = postgres.isAlive(source, source.pid ?? 0)
    if (runs || !target.candidate || !(await isFenced(dataDirOf(source)))) return false
    await using to = await postgres.admin(target)
    if (!(await isPromoted(to))) return false
    await publishPrimary(system, change, to, { isDiverged: false })
    return true
  })
  if (isPublished) return bringBack(system, change)
  await dismissCandidates(system, change.shard)
  await serveAgain(system, source)
  return { isDone: false, why: `${source.id} was stopped, and ${change.to} not yet promoted` }
}

/** The old primary as a replica of the new one; when it cannot follow, the watch replaces it. */
async function bringBack(system: System, change: PrimaryChange): Promise<Outcome> {
  const { keeper, fleet, postgres, events } = system
  const target = keeper.node(change.to)
  await followPrimary(system, othersOf(system, change))
  if (target) await postgres.configure(target)
  await fleet.startNode(change.from).catch((error) =>
    events.emit('warn', `${change.from} did not come back as a replica: ${describeError(error)}`, {
      node: change.from,
    }),
  )
  return { isDone: true }
}

/** Before the new primary is named, the old one is the primary; whatever the fence was for is over. */
async function serveAgain({ keeper, fleet, postgres }: System, source: MapNode): Promise<void> {
  await lowerFence(dataDirOf(source))
  await keeper.setState(source.id, 'down', { pid: null }) // it may run; then the start finds it
  await fleet.startNode(source.id)
  await using admin = await postgres.admin(source)
  await admin.unfence()
}

/** Whether the replica streams from the primary, given a moment to connect. */
async function follows(from: PostgresAdmin, replica: string): Promise<boolean> {
  const isConnected = async () => (await from.lag()).some(({ name }) => name === slotNameOf(replica))
  return waitUntil(isConnected, { what: `${replica} following`, timeoutMs: followTimeoutMs }).catch(() => false)
}

/**
 * Its last record tells of its end: whoever has that has everything, also what came after the hold from others. It takes
 * no more writes when that record is on its disk; that it is gone takes as long again, and is not waited for.
 * @throws timeout when the replica has not received all of it, program-failed when the stop was none in order.
 */
async function receiveAll(source: MapNode, to: PostgresAdmin, ending: Promise<unknown>): Promise<void> {
  const dataDir = dataDirOf(source)
  let isGone = false
  const note = () => {
    isGone = true
  }
  ending.then(note, note)
  const look = async () => {
    const wasGone = isGone
    const endLsn = await readShutdownLsn(dataDir)
    return (endLsn !== undefined || wasGone) && { endLsn }
  }
  const { endLsn } = await waitUntil(look, {
    what: `${source.id} stopping`,
    timeoutMs: 3 * stopTimeoutMs,
    intervalMs: pollMs,
  })
  if (endLsn === undefined) {
    await killServer(dataDir)
    throw new TenfoldError('program-failed', `${source.id} did not stop in order`)
  }
  await waitUntil(async () => (await to.state()).writtenLsn > endLsn, {
    what: `all that ${source.id} wrote being received`,
    timeoutMs: receiveTimeoutMs,
    intervalMs: pollMs,
  })
}

async function hold(system: System, routers: MapNode[]): Promise<string | undefined> {
  const answers = await Promise.all(
    routers.map(async (node) => {
      if (node.state !== 'ready' || system.keeper.map.topology.web.command !== undefined) return undefined
      const answer = await new DoorClient(system.home, node.id)
        .hold({ leaseMs: holdLeaseMs, drainMs })
        .catch((error) => error)
      if (answer instanceof Error) return `${node.id} does not answer its door`
      return answer.isDrained ? undefined : `${node.id} has ${answer.inFlight} statements under way after ${drainMs} ms`
    }),
  )
  return answers.find((reason) => reason !== undefined)
}

async function release(system: System, routers: MapNode[]): Promise<void> {
  await Promise.allSettled(routers.map((node) => new DoorClient(system.home, node.id).release()))
}
