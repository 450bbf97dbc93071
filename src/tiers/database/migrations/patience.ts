// DDL waits for the locks of running transactions, and whoever comes after waits behind it. So it waits only briefly,
// lets everybody pass, and tries again.
//
// PostgreSQL looks for deadlocks after one second of waiting, and ends whoever looks first. A migration gives up its place
// in half of that, so that in a deadlock with the app it is the one that goes.

import { type Clock, systemClock } from '../../../base/clock.ts'
import { TenfoldError } from '../../../base/errors.ts'
import { type Random, systemRandom } from '../../../base/random.ts'
import type { OwnerConnection } from './owner-connection.ts'
import type { Blocker, Watch } from './watch.ts'

export const lockTimeoutMs = 500
/** How long one file, or one step of it, asks for its locks in all, unless told otherwise. */
const patienceMs = 60_000
const pause = { baseMs: 50, capMs: 2_000 }
/** lock_not_available, deadlock_detected */
const lockCodes = new Set(['55P03', '40P01'])

export interface Patient {
  owner: OwnerConnection
  watch: Watch
  clock?: Clock
  random?: Random
  patienceMs?: number
}

/** Runs one transaction until it gets its locks. @throws conflict, naming who blocks; the watch's verdict; else its own. */
export async function withPatience<T>(
  { owner, watch, clock = systemClock, random = systemRandom, patienceMs: totalMs = patienceMs }: Patient,
  what: string,
  attempt: () => Promise<T>,
): Promise<T> {
  const deadline = clock.monotonic() + totalMs
  let waitedMs = pause.baseMs
  for (let attempts = 1; ; attempts++) {
    try {
      watch.arm()
      const result = await attempt()
      await watch.disarm()
      // The watch may have cancelled what had just been committed; the cancel then hits this, and not the next statement.
      if (await watch.verdict()) await owner.query('SELECT pg_sleep(0.02)').catch(() => {})
      return result
    } catch (cause) {
      await watch.disarm()
      await owner.rollback()
      const verdict = await watch.verdict()
      if (verdict) throw verdict
      if (!lockCodes.has((cause as { code?: string }).code ?? '')) throw cause
      if (clock.monotonic() >= deadline)
        throw new TenfoldError(
          'conflict',
          `${what} got no lock in ${attempts} attempts of ${lockTimeoutMs} ms: ${describeBlockers(watch.blockers)}`,
          { cause, details: { blockers: watch.blockers } },
        )
    }
    waitedMs = decorrelatedMs(waitedMs, random)
    await clock.sleep(waitedMs)
  }
}

/**
 * Decorrelated jitter: each pause is drawn between the base and three times the last one.
 * Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 * Worked example: base 50 ms, last pause 200 ms -> uniform in [50, 600).
 */
export function decorrelatedMs(lastMs: number, random: Random): number {
  return Math.min(pause.capMs, pause.baseMs + random.next() * (lastMs * 3 - pause.baseMs))
}

function describeBlockers(blockers: readonly Blocker[]): string {
  if (blockers.length === 0) return 'some transaction stays open'
  return blockers
    .map(({ pid, application, since, queryStart, query }) => {
      const times = since ? `, its transaction open since ${since}, its last statement from ${queryStart}` : ''
      const text = query && !query.startsWith('<') ? `: ${query.replace(/\s+/g, ' ')}` : ''
      return `pid ${pid} (${application || 'no application name'}${times}) is in the way${text}`
    })
    .join('; ')
}
