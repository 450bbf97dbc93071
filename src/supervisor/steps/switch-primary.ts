// The planned change of a primary. Nothing fails and nothing is lost:
//
//   1. hold: every router lets what is in flight finish and keeps new statements waiting
//   2. fence: the old primary refuses the app, durably; from here on a stale router can only wait
//   3. catch up: the replica has replayed all that the old primary ever wrote
//   4. promote the replica; 5. the new map lets the routers go on, at the new primary
//
// A crash after 2 leaves routers waiting (up to database.holdMsMax) for a supervisor that runs this step again; before
// 2 their hold ends with its lease and nothing has happened. Run again, each part finds done what is done.
// Whatever else fails puts the switch off: a server that was killed comes back, and then it is tried again.

import { systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { MapNode } from '../../map/map.ts'
import type { Step } from '../../plan/step.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { isFenced, lowerFence } from '../../programs/postgres/fence.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { System } from '../system.ts'
import { copyAndStart } from './database-steps.ts'

/** Enough for a server that was killed to recover, and for a statement that takes its time. */
const attemptsMax = 60
const retryDelayMs = 500
/** Longer than the whole switch takes, shorter than a client's patience. */
const holdLeaseMs = 5000
/** How long what is in flight may take before the attempt is put off. */
const drainMs = 300
const catchUpTimeoutMs = 2000
const promoteTimeoutMs = 30_000

const followTimeoutMs = 8000

/** Whether the promotion was asked for, by us or by a supervisor that died, and its outcome is not known yet. */
interface Doubt {
  mayBePromoted: boolean
}

type Switch = Pick<Extract<Step, { kind: 'switch-primary' }>, 'shard' | 'from' | 'to'>

export async function switchPrimary(system: System, step: Switch): Promise<void> {
  if (system.keeper.map.shards.find((shard) => shard.id === step.shard)?.primary === step.to) return
  const source = system.keeper.node(step.from)
  const doubt = { mayBePromoted: source?.dataDir !== undefined && (await isFenced(source.dataDir)) }
  for (let attempt = 1; ; attempt++) {
    const reason = await trySwitch(system, step, doubt, attempt > 1).catch((error: unknown) => describeError(error))
    if (reason === undefined) return
    if (attempt === attemptsMax)
      throw new TenfoldError(
        'step-failed',
        `${step.to} could not become primary after ${attemptsMax} attempts: ${reason}`,
      )
    system.events.emit('info', `putting the switch off: ${reason}`, { step: 'switch-primary' })
    await systemClock.sleep(retryDelayMs)
  }
}

/** Undefined when it is done; else why not yet. The old primary then serves, unless the replica may already be promoted. */
async function trySwitch(system: System, step: Switch, doubt: Doubt, isRepeated: boolean): Promise<string | undefined> {
  const { keeper, postgres, events } = system
  const target = keeper.node(step.to)
  if (!target) throw new TenfoldError('step-failed', `${step.to} is not there to become the primary of ${step.shard}`)
  const routers = keeper.map.nodes.filter((node) => node.role === 'web' || node.role === 'worker')
  await using to = await postgres.admin(target)
  if (await isPromoted(to)) {
    // Not `return publish(...)`: the connection would be closed under it.
    await publish(system, step, to)
    await release(system, routers)
    return undefined
  }
  doubt.mayBePromoted = false
  const source = keeper.node(step.from)
  if (!source)
    throw new TenfoldError('step-failed', `${step.from} is gone before ${step.to} could follow it to the end`)
  await using from = await postgres.admin(source)
  if (isRepeated) {
    await from.unfence()
    // One that was killed in the middle of its promotion may be on a timeline of its own, which leads nowhere.
    if (!(await follows(from, step.to))) {
      await copyAndStart(system, { node: target, shard: step.shard }, source)
      return `${step.to} did not follow ${step.from} any more and was cloned anew`
    }
  }
  // Little to write at the promotion, and so a short pause.
  await Promise.all([from.checkpoint(), to.checkpoint()])

  const heldAtMs = systemClock.monotonic()
  const busy = await hold(system, routers)
  if (busy !== undefined) {
    await release(system, routers)
    return busy
  }
  try {
    await from.fence()
    await catchUp(from, to, step)
  } catch (error) {
    await standDown(system, source, to, doubt)
    await release(system, routers)
    throw error
  }
  // From here on there is no way back: whatever fails, the next attempt asks whether the replica was promoted.
  doubt.mayBePromoted = true
  await to.promote()
  await publish(system, step, to)
  await release(system, routers)
  const heldMs = Math.round(systemClock.monotonic() - heldAtMs)
  events.emit('info', `${step.to} is the primary of ${step.shard}; writes were held for ${heldMs} ms`, {
    node: step.to,
  })
  return undefined
}

/** Whether the replica streams from the primary, given a moment to connect. */
async function follows(from: PostgresAdmin, replica: string): Promise<boolean> {
  const isConnected = async () => (await from.lag()).some(({ name }) => name === slotNameOf(replica))
  return waitUntil(isConnected, { what: `${replica} following`, timeoutMs: followTimeoutMs }).catch(() => false)
}

async function catchUp(from: PostgresAdmin, to: PostgresAdmin, step: Switch): Promise<void> {
  const { writtenLsn } = await from.state()
  await waitUntil(async () => (await to.state()).replayedLsn >= writtenLsn, {
    what: `${step.to} replaying the end of ${step.from}`,
    timeoutMs: catchUpTimeoutMs,
    intervalMs: 2,
  })
}

/**
 * Opens the old primary again, unless the replica may be promoted: two would take writes then.
 * The fence is a file, so it goes also while the server is down or starts.
 */
async function standDown(system: System, source: MapNode, to: PostgresAdmin, doubt: Doubt): Promise<void> {
  if (doubt.mayBePromoted && (await isPromoted(to).catch(() => true))) return
  await lowerFence(dataDirOf(source))
  try {
    await using from = await system.postgres.admin(source)
    await from.unfence()
  } catch (error) {
    system.events.emit('warn', `${source.id} does not say that its fence is down: ${describeError(error)}`)
  }
}

/**
 * Whether it is the primary by now. A promotion that was asked for, by us or by a supervisor that died, is waited for:
 * PostgreSQL refuses to resume the replay of a server whose promotion goes on, and else resuming changes nothing.
 */
async function isPromoted(to: PostgresAdmin): Promise<boolean> {
  if (!(await to.state()).isInRecovery) return true
  const [row] = await to.query<{ isAsked: boolean }>(
    `SELECT (pg_stat_file('promote', true)).size IS NOT NULL AS "isAsked"`,
  )
  const refusal = await to.query('SELECT pg_wal_replay_resume()').then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!row?.isAsked && refusal === undefined) return false
  await waitUntil(async () => !(await to.state()).isInRecovery, {
    what: 'the promotion that was asked for before',
    timeoutMs: promoteTimeoutMs,
  })
  return true
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

async function publish(system: System, step: Switch, to: PostgresAdmin): Promise<void> {
  const { timeline } = await to.state()
  await system.keeper.changeEverywhere((draft) => {
    const shard = draft.shards.find((candidate) => candidate.id === step.shard)
    if (!shard) return
    shard.primary = step.to
    shard.timeline = timeline
    shard.replicas = shard.replicas.filter((id) => id !== step.to)
    for (const node of draft.nodes) {
      if (node.id === step.to) node.database = 'primary'
      if (node.id === step.from) node.database = 'replica'
    }
  })
}
