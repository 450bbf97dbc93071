// kill -9 of one node, and how long the system takes to be whole again.

import type { Clock } from '../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import type { Kill } from './measure.ts'
import { type Act, titleOf } from './scenario.ts'
import type { TourSystem } from './system.ts'

const recoveryTimeoutMs = 30_000
const lookIntervalMs = 50

export async function killNode(act: Extract<Act, { kind: 'kill' }>, system: TourSystem, clock: Clock): Promise<Kill> {
  const readyNodes = async () =>
    (await system.status()).nodes.filter((node) => node.role === act.role && node.state === 'ready')
  const before = await readyNodes()
  const victim = before[act.nth]
  if (!victim)
    throw new TenfoldError(
      'not-found',
      `${titleOf(act)}: only ${before.length} ${act.role} nodes are ready on this rung`,
    )
  const atMs = clock.now()
  await system.kill(victim.id)
  const isWhole = async () => {
    const now = await readyNodes()
    return now.length >= before.length && now.every((node) => node.pid !== victim.pid)
  }
  const kill = { title: titleOf(act), rung: act.rung, node: victim.id, atMs: Math.round(atMs) }
  try {
    const what = `the return of ${victim.id}`
    await waitUntil(isWhole, { what, timeoutMs: recoveryTimeoutMs, intervalMs: lookIntervalMs, clock })
    return { ...kill, readyAfterMs: Math.round(clock.now() - atMs) }
  } catch (error) {
    if (!isTenfoldError(error, 'timeout')) throw error
    return { ...kill, readyAfterMs: null }
  }
}
