// The report of a journey that is over: the numbers, the verdict, and what is needed to repeat it.

import { cpus, totalmem } from 'node:os'
import type { Journey } from '../journey.ts'
import type { LedgerVerdict } from '../ledger.ts'
import { measureActs, measureFaults, measureKinds, measureRungs, measureSeconds, phaseNumbers } from '../measure.ts'

import type { TourReport } from './report.ts'

export interface TourSettings {
  startMs: number
  endMs: number
  minutes: number
  ratePerSecond: number
  seed: number
  connectionsMax: number
  timeoutMs: number
}

export function makeReport(journey: Journey, settings: TourSettings): TourReport {
  const { acts, record, accidents, broken, afterLoad, afterRestart, restartMs } = journey
  const startMs = record.phases[0]?.startMs ?? settings.startMs
  const endMs = record.phases.at(-1)?.endMs ?? settings.endMs
  const seconds = measureSeconds(record.seconds)
  const actReports = measureActs(acts, record.phases)
  const total = phaseNumbers(record.phases)
  const faults = measureFaults(accidents, actReports, seconds)
  const lateNodes = faults.filter((fault) => fault.readyAfterMs === null).map((fault) => fault.node)
  return {
    format: 'tenfold-tour/1',
    startedAt: new Date(settings.startMs).toISOString(),
    durationMs: Math.round(settings.endMs - settings.startMs),
    verdict: verdictOf(total.failed, [afterLoad, afterRestart], broken, lateNodes),
    load: {
      ratePerSecond: settings.ratePerSecond,
      connections: settings.connectionsMax,
      timeoutMs: settings.timeoutMs,
      seed: settings.seed,
      startMs: Math.round(startMs),
      endMs: Math.round(endMs),
    },
    total,
    rungs: measureRungs(acts, record.phases),
    acts: actReports,
    faults,
    seconds,
    kinds: measureKinds(record.kinds, endMs - startMs),
    failures: record.failures,
    ledger: { afterLoad, afterRestart, restartMs },
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    commands: ['npm install', `npx tenfold tour --minutes ${settings.minutes} --report tour`],
  }
}

/** Passed: nothing failed, every acknowledged write is there exactly once both times, and the journey came to its end. */
export function verdictOf(
  failed: number,
  verifications: ReadonlyArray<LedgerVerdict | null>,
  broken: string | null,
  lateNodes: readonly string[] = [],
): TourReport['verdict'] {
  const most = (of: (verdict: LedgerVerdict) => number) =>
    Math.max(0, ...verifications.map((verdict) => (verdict ? of(verdict) : 0)))
  const [lost, doubled, unreadable] = [
    most((verdict) => verdict.lost),
    most((verdict) => verdict.doubled),
    most((verdict) => verdict.unreadable),
  ]
  const isVerified = verifications.every((verdict) => verdict !== null)
  const parts = [
    `${failed} failed`,
    `${lost} lost`,
    ...(doubled > 0 ? [`${doubled} doubled`] : []),
    ...(unreadable > 0 ? [`${unreadable} could not be verified`] : []),
    ...(isVerified ? [] : ['not verified']),
    ...lateNodes.map((node) => `${node} did not come back`),
    ...(broken === null ? [] : [`stopped: ${broken}`]),
  ]
  const isPassed = failed + lost + doubled + unreadable + lateNodes.length === 0 && isVerified && broken === null
  return { isPassed, summary: parts.join(', '), failed, lost, doubled, unreadable, broken }
}
