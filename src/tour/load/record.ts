// What the load saw, added up as it happens: per second (for the chart), per phase of the tour, per kind of request.
// A request belongs to the second and the phase in which it was due, whenever it was answered; only the seconds count
// answers, failures and resends when they happened, so that they stand beside what caused them.

import { Histogram, type HistogramData } from './histogram.ts'
import { type OperationKind, writeKinds } from './mix.ts'

const failuresNamedMax = 50

export interface Tally {
  sent: number
  ok: number
  failed: number
  /** Sent once more after the server closed the kept connection; part of ok or failed as well. */
  resent: number
  latency: HistogramData
}

export interface SecondRecord {
  /** Milliseconds since 1970, the start of the second. */
  atMs: number
  /** Requests that were due in it, and their latency. */
  sent: number
  latency: HistogramData
  /** What happened in it, whenever the requests were due. */
  answered: number
  failed: number
  resent: number
}

export interface PhaseRecord extends Tally {
  startMs: number
  /** Of the last phase: when the arrivals ended, before the last answers came. */
  endMs: number
  /** Good answers that came in it, whenever they were due. */
  answered: number
  writeLatency: HistogramData
  /** The longest time in which no write was acknowledged. */
  writePauseMs: number
}

export interface Failure {
  atMs: number
  kind: OperationKind
  request: string
  reason: string
}

export interface LoadRecord {
  seconds: SecondRecord[]
  phases: PhaseRecord[]
  kinds: Array<Tally & { kind: OperationKind }>
  /** The first failures, named; the tallies count all. */
  failures: Failure[]
}

export interface Outcome {
  kind: OperationKind
  request: string
  dueMs: number
  doneMs: number
  isResent: boolean
  /** Undefined: it went well. */
  failure?: string
}

class Sums {
  sent = 0
  ok = 0
  failed = 0
  resent = 0
  readonly latency = new Histogram()

  take({ dueMs, doneMs, isResent, failure }: Outcome): void {
    if (failure === undefined) this.ok++
    else this.failed++
    if (isResent) this.resent++
    this.latency.recordMs(doneMs - dueMs)
  }

  toTally(): Tally {
    const { sent, ok, failed, resent } = this
    return { sent, ok, failed, resent, latency: this.latency.toData() }
  }
}

class Second {
  sent = 0
  answered = 0
  failed = 0
  resent = 0
  /** Of the requests that were due in it. */
  readonly latency = new Histogram()
  /** Of the answers that came in it. */
  readonly answerLatency = new Histogram()

  take({ dueMs, doneMs, isResent, failure }: Outcome): void {
    this.answered++
    if (failure !== undefined) this.failed++
    if (isResent) this.resent++
    this.answerLatency.recordMs(doneMs - dueMs)
  }
}

class Phase extends Sums {
  readonly startMs: number
  endMs = Number.POSITIVE_INFINITY
  answered = 0
  writePauseMs = 0
  readonly writeLatency = new Histogram()

  constructor(startMs: number) {
    super()
    this.startMs = startMs
  }
}

/** Times are milliseconds since 1970. */
export class Recorder {
  readonly #startMs: number
  #seconds: Second[] = []
  #phases: Phase[]
  #kinds = new Map<OperationKind, Sums>()
  #failures: Failure[] = []
  #lastWriteMs: number

  constructor(startMs: number) {
    this.#startMs = startMs
    this.#lastWriteMs = startMs
    this.#phases = [new Phase(startMs)]
  }

  /** Everything that is due from now on belongs to the next phase. */
  beginPhase(nowMs: number): void {
    this.endPhase(nowMs)
    this.#phases.push(new Phase(nowMs))
  }

  /** Nothing is due any more. */
  endPhase(nowMs: number): void {
    const last = this.#phases.at(-1)
    if (last) last.endMs = Math.min(last.endMs, nowMs)
  }

  due(kind: OperationKind, dueMs: number): (outcome: Outcome) => void {
    const phase = this.#phases.findLast((candidate) => candidate.startMs <= dueMs) ?? this.#phases[0]
    const sums = [this.#kind(kind), ...(phase ? [phase] : [])]
    const second = this.#second(dueMs)
    for (const counted of [...sums, second]) counted.sent++
    return (outcome) => {
      for (const sum of sums) sum.take(outcome)
      second.latency.recordMs(outcome.doneMs - dueMs)
      this.#second(outcome.doneMs).take(outcome)
      const present = this.#phases.at(-1)
      if (present && outcome.failure === undefined && outcome.doneMs <= present.endMs) present.answered++
      if (outcome.failure === undefined && writeKinds.has(kind)) this.#acknowledge(outcome, phase)
      if (outcome.failure !== undefined && this.#failures.length < failuresNamedMax)
        this.#failures.push({ atMs: outcome.doneMs, kind, request: outcome.request, reason: outcome.failure })
    }
  }

  /** The last whole second, for people who wait. */
  progress(nowMs: number): { sent: number; ok: number; failed: number; perSecond: number; p99Ms: number } {
    const total = { sent: 0, ok: 0, failed: 0 }
    for (const phase of this.#phases) {
      total.sent += phase.sent
      total.ok += phase.ok
      total.failed += phase.failed
    }
    const last = this.#seconds[Math.floor((nowMs - this.#startMs) / 1000) - 1]
    return { ...total, perSecond: last?.answered ?? 0, p99Ms: last?.answerLatency.quantileMs(0.99) ?? 0 }
  }

  end(nowMs: number): LoadRecord {
    this.endPhase(nowMs)
    this.#extendPause(this.#phases.at(-1)?.endMs ?? nowMs)
    return {
      seconds: this.#seconds.map(({ sent, answered, failed, resent, latency }, index) => ({
        ...{ atMs: this.#startMs + index * 1000, sent, answered, failed, resent },
        latency: latency.toData(),
      })),
      phases: this.#phases.map((phase) => ({
        ...phase.toTally(),
        startMs: phase.startMs,
        endMs: phase.endMs,
        answered: phase.answered,
        writeLatency: phase.writeLatency.toData(),
        writePauseMs: phase.writePauseMs,
      })),
      kinds: [...this.#kinds].map(([kind, sums]) => ({ kind, ...sums.toTally() })),
      failures: this.#failures,
    }
  }

  #acknowledge({ dueMs, doneMs }: Outcome, phase: Phase | undefined): void {
    phase?.writeLatency.recordMs(doneMs - dueMs)
    this.#extendPause(doneMs)
    this.#lastWriteMs = doneMs
  }

  /** A pause counts, whole, for every phase that it touches. */
  #extendPause(untilMs: number): void {
    for (let index = this.#phases.length - 1; index >= 0; index--) {
      const phase = this.#phases[index]
      if (!phase || phase.endMs <= this.#lastWriteMs) return
      phase.writePauseMs = Math.max(phase.writePauseMs, untilMs - this.#lastWriteMs)
    }
  }

  #second(atMs: number): Second {
    const index = Math.max(0, Math.floor((atMs - this.#startMs) / 1000))
    while (this.#seconds.length <= index) this.#seconds.push(new Second())
    return this.#seconds[index] as Second
  }

  #kind(kind: OperationKind): Sums {
    const known = this.#kinds.get(kind)
    if (known) return known
    const sums = new Sums()
    this.#kinds.set(kind, sums)
    return sums
  }
}
