// The planned change of a primary. Nothing fails and nothing is lost:
//
//   1. hold: every router lets what is in flight finish and keeps new statements waiting
//   2. fence: the old primary refuses the app, durably; from here on a stale router can only wait
//   3. catch up: the replica has replayed all that the old primary ever wrote
//   4. promote the replica; 5. the new map lets the routers go on, at the new primary
//
// A crash after 2 leaves routers waiting (up to database.holdMsMax) for a supervisor that runs this step again; before
// 2 their hold ends with its lease and nothing has happened. Run again, each part finds done what is done.

import { systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { MapNode } from '../../map/map.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { PostgresAdmin } from '../../programs/postgres/admin.ts'
import type { System } from '../system.ts'

const attemptsMax = 20
const retryDelayMs = 500
/** Longer than the whole switch takes, shorter than a client's patience. */
const holdLeaseMs = 5000
/** How long what is in flight may take before the attempt is put off. */
const drainMs = 300
const catchUpTimeoutMs = 2000

export async function switchPrimary(system: System, step: { shard: string; from: string; to: string }): Promise<void> {
  const { keeper, postgres, events } = system
  const target = keeper.node(step.to)
  if (!target) throw new TenfoldError('step-failed', `${step.to} is not there to become the primary of ${step.shard}`)
  if (keeper.map.shards.find((shard) => shard.id === step.shard)?.primary === step.to) return
  await using to = await postgres.admin(target)
  if (!(await to.state()).isInRecovery) return publish(system, step, to)

  const source = keeper.node(step.from)
  if (!source)
    throw new TenfoldError('step-failed', `${step.from} is gone before ${step.to} could follow it to the end`)
  await using from = await postgres.admin(source)
  // Little to write at the promotion, and so a short pause.
  await Promise.all([from.checkpoint(), to.checkpoint()])
  for (let attempt = 1; ; attempt++) {
    const heldAtMs = systemClock.monotonic()
    const reason = await trySwitch(system, step, from, to)
    if (reason === undefined) {
      const heldMs = Math.round(systemClock.monotonic() - heldAtMs)
      events.emit('info', `${step.to} is the primary of ${step.shard}; writes were held for ${heldMs} ms`, {
        node: step.to,
      })
      return
    }
    if (attempt === attemptsMax)
      throw new TenfoldError(
        'step-failed',
        `${step.to} could not become primary after ${attemptsMax} attempts: ${reason}`,
      )
    events.emit('info', `putting the switch off: ${reason}`, { step: 'switch-primary' })
    await systemClock.sleep(retryDelayMs)
  }
}

/** Undefined when it is done; else why not, everything being as it was. */
async function trySwitch(
  system: System,
  step: { shard: string; from: string; to: string },
  from: PostgresAdmin,
  to: PostgresAdmin,
): Promise<string | undefined> {
  const routers = system.keeper.map.nodes.filter((node) => node.role === 'web' || node.role === 'worker')
  const busy = await hold(system, routers)
  if (busy !== undefined) {
    await release(system, routers)
    return busy
  }
  await from.fence()
  try {
    const { writtenLsn } = await from.state()
    await waitUntil(async () => (await to.state()).replayedLsn >= writtenLsn, {
      what: `${step.to} replaying the end of ${step.from}`,
      timeoutMs: catchUpTimeoutMs,
      intervalMs: 2,
    })
  } catch (error) {
    await from.unfence()
    await release(system, routers)
    return error instanceof Error ? error.message : String(error)
  }
  await to.promote()
  await publish(system, step, to)
  await release(system, routers)
  return undefined
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

async function publish(
  system: System,
  step: { shard: string; from: string; to: string },
  to: PostgresAdmin,
): Promise<void> {
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
