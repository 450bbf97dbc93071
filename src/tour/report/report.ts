// What a tour tells: the shape of report.json, stable from the first release, and all that the HTML page is drawn from.

import type { LedgerVerdict } from '../ledger.ts'
import type { Failure } from '../load/record.ts'

export interface Latency {
  p50Ms: number
  p90Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
}

/** Requests that were due in some stretch of the tour, and how they fared. */
export interface Numbers {
  sent: number
  ok: number
  failed: number
  resent: number
  /** Good answers that came in that time. */
  throughputPerSecond: number
  /** ok / (ok + failed); 1 when nothing was sent. */
  availability: number
  latency: Latency
}

export interface RungReport extends Numbers {
  rung: number
  title: string
  /** Time spent on the rung under load, holds and faults, up and down. */
  seconds: number
}

export interface ActReport extends Numbers {
  kind: 'hold' | 'climb' | 'fault' | 'switchover' | 'purge'
  title: string
  /** Of a climb: where it leads. */
  rung: number
  startMs: number
  endMs: number
  /** The longest time that touches this act in which no write was acknowledged. */
  writePauseMs: number
  writeLatencyMaxMs: number
}

export interface FaultReport {
  title: string
  rung: number
  node: string
  atMs: number
  /** From the fault until as many nodes of its kind are ready as before; null when that did not come. */
  readyAfterMs: number | null
  /** The longest time around it in which no write was acknowledged. */
  writePauseMs: number
  /** From the fault to the end of the last second that has a failed request; 0 when none failed. */
  cleanAfterMs: number
  failed: number
  resent: number
}

export interface SecondReport {
  atMs: number
  /** Due in this second; p50, p99 and max are theirs. */
  sent: number
  /** Happened in this second. */
  answered: number
  failed: number
  resent: number
  p50Ms: number
  p99Ms: number
  maxMs: number
}

export interface TourReport {
  format: 'tenfold-tour/1'
  startedAt: string
  durationMs: number
  verdict: {
    isPassed: boolean
    /** "0 failed, 0 lost", or what failed. */
    summary: string
    failed: number
    lost: number
    doubled: number
    unreadable: number
    /** What stopped the journey before its end, if anything did. */
    broken: string | null
  }
  load: { ratePerSecond: number; connections: number; timeoutMs: number; seed: number; startMs: number; endMs: number }
  total: Numbers
  rungs: RungReport[]
  acts: ActReport[]
  faults: FaultReport[]
  seconds: SecondReport[]
  kinds: Array<Numbers & { kind: string }>
  failures: Failure[]
  /** Every acknowledged write, looked for after the load and again after a restart of the whole system. */
  ledger: { afterLoad: LedgerVerdict | null; afterRestart: LedgerVerdict | null; restartMs: number | null }
  machine: { cpu: string; cores: number; memoryGiB: number; platform: string; node: string }
  commands: string[]
}
