// One accident on purpose, and how long the system takes to be whole again.

import type { Clock } from '../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import type { Accident } from './measure.ts'
import { type FaultAct, titleOf } from './scenario.ts'
import type { TourNode, TourSystem } from './system.ts'

const recoveryTimeoutMs = 60_000
const lookIntervalMs = 50

export async function injectFault(act: FaultAct, system: TourSystem, clock: Clock): Promise<Accident> {
  const before = (await system.status()).nodes.filter((node) => isKin(node, act) && node.state === 'ready')
  const victim = before.filter((node) => isPossible(node, act))[act.nth]
  if (!victim)
    throw new TenfoldError('not-found', `${titleOf(act)}: only ${before.length} such nodes are ready on this rung`)
  const atMs = clock.now()
  await system.fault(act.fault, victim.id)
  const isWhole = async () => {
    const now = (await system.status()).nodes.filter((node) => isKin(node, act))
    // How many there are may change meanwhile, where their number follows the load.
    return now.length > 0 && now.every(({ state, pid }) => state === 'ready' && pid !== victim.pid)
  }
  const accident = { title: titleOf(act), rung: act.rung, node: victim.id, atMs: Math.round(atMs) }
  try {
    const what = `the return of ${victim.id}`
    await waitUntil(isWhole, { what, timeoutMs: recoveryTimeoutMs, intervalMs: lookIntervalMs, clock })
    return { ...accident, readyAfterMs: Math.round(clock.now() - atMs) }
  } catch (error) {
    if (!isTenfoldError(error, 'timeout')) throw error
    return { ...accident, readyAfterMs: null }
  }
}

/** One that could stand in for it: a primary's place is taken by a replica. */
function isKin({ role }: TourNode, { victim }: FaultAct): boolean {
  return role === roleOf(victim)
}

function isPossible({ role, database }: TourNode, { victim }: FaultAct): boolean {
  return role === roleOf(victim) && (database === undefined || database === victim)
}

function roleOf(victim: FaultAct['victim']): TourNode['role'] {
  const roles = { cache: 'redis', broker: 'nats', primary: 'postgres', replica: 'postgres' } as const
  return victim in roles ? roles[victim as keyof typeof roles] : (victim as TourNode['role'])
}
