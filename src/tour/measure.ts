// From what the load recorded and what the tour did to the numbers of the report.

import { rungOf } from '../topology/rungs.ts'
import { Histogram, type HistogramData } from './load/histogram.ts'
import type { LoadRecord, PhaseRecord, SecondRecord, Tally } from './load/record.ts'
import type { ActReport, FaultReport, Latency, Numbers, RungReport, SecondReport } from './report/report.ts'
import { type Act, rungDuring, titleOf } from './scenario.ts'

/** A fault that the tour injected. */
export interface Accident {
  title: string
  rung: number
  node: string
  atMs: number
  readyAfterMs: number | null
}

/** Phase i of the load is act i of the tour. */
export function measureActs(acts: readonly Act[], phases: readonly PhaseRecord[]): ActReport[] {
  return phases.flatMap((phase, index) => {
    const act = acts[index]
    if (!act) return []
    return {
      kind: act.kind,
      title: titleOf(act),
      rung: act.kind === 'climb' ? act.to : act.rung,
      startMs: Math.round(phase.startMs),
      endMs: Math.round(phase.endMs),
      ...phaseNumbers([phase]),
      writePauseMs: round(phase.writePauseMs),
      writeLatencyMaxMs: round(phase.writeLatency.maxUs / 1000),
    }
  })
}

export function measureRungs(acts: readonly Act[], phases: readonly PhaseRecord[]): RungReport[] {
  const visited = [...new Set(acts.slice(0, phases.length).map(rungDuring))].filter((rung) => rung !== undefined)
  return visited
    .sort((a, b) => a - b)
    .map((rung) => {
      const own = phases.filter((_, index) => acts[index] && rungDuring(acts[index]) === rung)
      const ms = own.reduce((sum, phase) => sum + phase.endMs - phase.startMs, 0)
      return { rung, title: rungOf(rung).title, seconds: round(ms / 1000), ...phaseNumbers(own) }
    })
}

/** A fault is charged with what failed from its second on until the end of the hold that follows it. */
export function measureFaults(
  accidents: readonly Accident[],
  acts: readonly ActReport[],
  seconds: readonly SecondReport[],
) {
  return accidents.map((accident): FaultReport => {
    const { atMs: startMs } = accident
    const index = acts.findIndex((act) => act.kind === 'fault' && act.endMs >= startMs && act.startMs <= startMs)
    const endMs = acts[index + 1]?.endMs ?? acts[index]?.endMs ?? startMs
    const after = seconds.filter(({ atMs }) => atMs + 1000 > startMs && atMs + 1000 <= endMs)
    const dirty = after.findLast(({ failed }) => failed > 0)
    return {
      ...accident,
      writePauseMs: acts[index]?.writePauseMs ?? 0,
      cleanAfterMs: dirty ? dirty.atMs + 1000 - startMs : 0,
      failed: after.reduce((sum, second) => sum + second.failed, 0),
      resent: after.reduce((sum, second) => sum + second.resent, 0),
    }
  })
}

export function measureSeconds(seconds: readonly SecondRecord[]): SecondReport[] {
  return seconds.map(({ atMs, sent, answered, failed, resent, latency }) => {
    const { p50Ms, p99Ms, maxMs } = latencyOf([latency])
    return { atMs: Math.round(atMs), sent, answered, failed, resent, p50Ms, p99Ms, maxMs }
  })
}

export function measureKinds(kinds: LoadRecord['kinds'], ms: number): Array<Numbers & { kind: string }> {
  return kinds
    .map(({ kind, ...tally }) => ({ kind, ...numbersOf([tally], ms) }))
    .sort((a, b) => b.sent - a.sent || a.kind.localeCompare(b.kind))
}

/** Throughput is of the answers that came in the phases, so that a backlog shows. */
export function phaseNumbers(phases: readonly PhaseRecord[]): Numbers {
  const ms = phases.reduce((sum, phase) => sum + phase.endMs - phase.startMs, 0)
  const answered = phases.reduce((sum, phase) => sum + phase.answered, 0)
  return { ...numbersOf(phases, ms), throughputPerSecond: ms > 0 ? round((answered * 1000) / ms) : 0 }
}

function numbersOf(tallies: readonly Tally[], ms: number): Numbers {
  const sum = { sent: 0, ok: 0, failed: 0, resent: 0 }
  for (const tally of tallies) {
    sum.sent += tally.sent
    sum.ok += tally.ok
    sum.failed += tally.failed
    sum.resent += tally.resent
  }
  const answered = sum.ok + sum.failed
  return {
    ...sum,
    throughputPerSecond: ms > 0 ? round((sum.ok * 1000) / ms) : 0,
    availability: answered === 0 ? 1 : sum.ok / answered,
    latency: latencyOf(tallies.map((tally) => tally.latency)),
  }
}

function latencyOf(all: readonly HistogramData[]): Latency {
  const histogram = new Histogram()
  for (const data of all) histogram.add(data)
  return {
    p50Ms: round(histogram.quantileMs(0.5)),
    p90Ms: round(histogram.quantileMs(0.9)),
    p99Ms: round(histogram.quantileMs(0.99)),
    p999Ms: round(histogram.quantileMs(0.999)),
    maxMs: round(histogram.maxMs),
  }
}

/** Two decimals: finer than the clock of anybody who reads it. */
function round(value: number): number {
  return Math.round(value * 100) / 100
}
