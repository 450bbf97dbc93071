// The acts of a tour, one after the other under one load, and the verification after the last one.

import type { Clock } from '../base/clock.ts'
import { describeError } from '../base/errors.ts'
import { injectFault } from './fault.ts'
import type { LedgerVerdict } from './ledger.ts'
import type { LoadProcess } from './load/load-process.ts'
import type { LoadRecord } from './load/record.ts'
import type { Accident } from './measure.ts'
import { type Act, holdMs, titleOf } from './scenario.ts'
import type { TourSystem } from './system.ts'

export interface Verified {
  /** What stopped the journey before its end; null when nothing did. */
  broken: string | null
  afterLoad: LedgerVerdict | null
  afterRestart: LedgerVerdict | null
  restartMs: number | null
}

export interface Journey extends Verified {
  acts: readonly Act[]
  accidents: Accident[]
  record: LoadRecord
}

export interface Travel {
  acts: readonly Act[]
  system: TourSystem
  generator: LoadProcess
  clock: Clock
  enter: (title: string) => void
  endMs: number
  /** How long jobs that are under way may take to be done, before what they should have written counts as lost. */
  settleMs: number
  signal: AbortSignal | undefined
}

/** Never throws: what stops the journey is in its `broken`, and what was written until then is verified all the same. */
export async function travel(travel: Travel): Promise<Journey> {
  const { acts, system, generator, clock, enter, endMs, signal } = travel
  const accidents: Accident[] = []
  let broken: string | null = null
  try {
    for (const [index, act] of acts.entries()) {
      if (signal?.aborted) throw new Error('the tour was interrupted')
      if (index > 0) await generator.phase()
      enter(titleOf(act))
      if (act.kind === 'hold') await clock.sleep(holdMs(acts.slice(index), endMs - clock.now()), signal)
      else if (act.kind === 'climb') await system.climb(act.to)
      else if (act.kind === 'switchover') await system.switchover()
      else if (act.kind === 'purge') await system.purge()
      else accidents.push(await injectFault(act, system, clock))
    }
  } catch (error) {
    broken = describeError(error)
  }
  enter('last answers')
  const record = await generator.stop()
  return { acts, accidents, record, ...(await verifyTwice(travel, broken)) }
}

async function verifyTwice(
  { system, generator, clock, enter, settleMs }: Travel,
  broken: string | null,
): Promise<Verified> {
  const found: Verified = { broken, afterLoad: null, afterRestart: null, restartMs: null }
  try {
    enter('verify every acknowledged write')
    found.afterLoad = await generator.verify(settleMs)
    enter('restart the whole system')
    const beforeMs = clock.monotonic()
    await system.restart()
    found.restartMs = Math.round(clock.monotonic() - beforeMs)
    enter('verify again')
    found.afterRestart = await generator.verify(settleMs)
  } catch (error) {
    found.broken ??= describeError(error)
  }
  return found
}
