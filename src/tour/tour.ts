// The live climb: one constant load from the first act to the last, while the system climbs, loses processes and descends.
// At the end every acknowledged write is looked for, then once more after a restart of the whole system (rung 1's fault).

import { availableParallelism } from 'node:os'
import { type Clock, systemClock } from '../base/clock.ts'
import { highestBuiltRung } from '../topology/rungs.ts'
import { travel } from './journey.ts'
import { LoadProcess } from './load/load-process.ts'
import { makeReport } from './report/make-report.ts'
import type { TourReport } from './report/report.ts'
import { checkMinutes, planActs } from './scenario.ts'
import type { TourSystem } from './system.ts'

export interface TourOptions {
  system: TourSystem
  /** The app's public address. */
  baseUrl: string
  /** The whole tour, verification too. */
  minutes?: number
  ratePerSecond?: number
  rungMax?: number
  seed?: number
  onProgress?: (progress: TourProgress) => void
  /** Ends the tour before its time: no further act, but the load is ended and verified. */
  signal?: AbortSignal
  clock?: Clock
}

export interface TourProgress {
  /** What happens now, for people. */
  act: string
  elapsedMs: number
  minutes: number
  sent: number
  failed: number
  perSecond: number
  p99Ms: number
}

const ratePerCore = 50
const ratePerSecondMost = 200
const settleMs = 45_000
const load = { connectionsMax: 48, timeoutMs: 30_000, inFlightMax: 4000, people: 40, photos: 40, followsPerPerson: 3 }

/** What a machine has for all rungs: the last ones are thirty processes, and the load is one more. */
export function defaultRate(): number {
  return Math.min(ratePerSecondMost, ratePerCore * availableParallelism())
}

/** Travels, and tells. What goes wrong on the way is in the report; only a tour that could not begin throws. */
export async function runTour(options: TourOptions): Promise<TourReport> {
  const { system, baseUrl, minutes = 3, ratePerSecond = defaultRate(), rungMax = highestBuiltRung, seed = 1 } = options
  const { onProgress = () => {}, signal, clock = systemClock } = options
  const acts = planActs(rungMax)
  checkMinutes(acts, minutes)
  const startMs = clock.now()
  let act = 'prepare'
  let last = { sent: 0, failed: 0, perSecond: 0, p99Ms: 0 }
  const tell = () => onProgress({ act, elapsedMs: clock.now() - startMs, minutes, ...last })
  const enter = (title: string) => {
    act = title
    tell()
  }
  const generator = new LoadProcess((progress) => {
    last = progress
    tell()
  })
  try {
    enter('prepare')
    if ((await system.status()).rung !== 1) await system.climb(1)
    await generator.prepare({ ...load, baseUrl, ratePerSecond, seed })
    await generator.start()
    const journey = await travel({
      acts,
      system,
      generator,
      clock,
      enter,
      endMs: startMs + minutes * 60_000,
      settleMs,
      signal,
    })
    return makeReport(journey, { startMs, endMs: clock.now(), minutes, ratePerSecond, seed, ...load })
  } finally {
    await generator.close()
  }
}
