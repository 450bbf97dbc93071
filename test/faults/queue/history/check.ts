// Holds what ran against what the queue promises.
//
//   lost      published, and never done
//   phantom   run, and nobody asked for it, or its transaction was rolled back
//   repeated  run again, though its first run was done and the process that did it lived long enough to say so
//   at-once   run twice at the same time, though nobody had lost it
//   order     of one key: begun before an earlier one was done, or again after a later one
//
// A repetition is excused by the death of the process that had the job, by its handler having failed, or by a trouble: a time in
// which a process stood still or the database was away, so that outcomes were not kept and leases ran out.

import type { AskedJob, Run } from './run.ts'

export type ViolationKind = 'lost' | 'phantom' | 'repeated' | 'at-once' | 'order'

export interface Violation {
  kind: ViolationKind
  n: number
  message: string
}

export interface Trouble {
  fromMs: number
  toMs: number
  /** Of this process alone; undefined: of all. */
  process?: string
}

export interface Terms {
  jobs: readonly AskedJob[]
  runs: readonly Run[]
  /** When processes were killed. */
  deaths: ReadonlyMap<string, number>
  troubles: readonly Trouble[]
  /** A run that is done is told to the queue within so long; who dies in that time has done it for nothing. */
  tellMsMax: number
}

export interface Figures {
  jobs: number
  runs: number
  /** Runs that came again, by what excuses them. */
  died: number
  failed: number
  troubled: number
}

export function check(terms: Terms): { violations: Violation[]; figures: Figures } {
  const violations: Violation[] = []
  const figures: Figures = { jobs: terms.jobs.length, runs: terms.runs.length, died: 0, failed: 0, troubled: 0 }
  const say = (kind: ViolationKind, n: number, message: string) => void violations.push({ kind, n, message })
  const asked = new Map(terms.jobs.map((job) => [job.n, job]))
  const runsOf = Map.groupBy(
    terms.runs.toSorted((a, b) => a.fromMs - b.fromMs),
    ({ n }) => n,
  )
  for (const [n, runs] of runsOf) {
    const job = asked.get(n)
    if (!job) say('phantom', n, `job ${n} ran, and nobody asked for it`)
    else if (job.fate === 'rolled-back') say('phantom', n, `job ${n} ran, and its transaction was rolled back`)
    for (const [i, run] of runs.entries()) {
      const next = runs[i + 1]
      if (!next) continue
      const excuse = excuseOf(run, next, terms)
      if (excuse) figures[excuse]++
      else if (run.end === undefined || next.fromMs < run.end.atMs)
        say('at-once', n, `job ${n} ran ${show(next)} while it ran ${show(run)}`)
      else say('repeated', n, `job ${n} ran ${show(next)}, though it was done ${show(run)}`)
    }
  }
  for (const { n, fate } of terms.jobs)
    if (fate === 'published' && !doneAt(runsOf.get(n))) say('lost', n, `job ${n} was published and never done`)
  checkOrder(terms, runsOf, say)
  return { violations, figures }
}

/** Why `next` may come after `run` of the same job. */
function excuseOf(
  run: Run,
  next: Run,
  { deaths, troubles, tellMsMax }: Terms,
): 'died' | 'failed' | 'troubled' | undefined {
  if (run.end?.how === 'failed' && next.fromMs >= run.end.atMs) return 'failed'
  const diedMs = deaths.get(run.process)
  const toMs = (run.end?.atMs ?? diedMs ?? Number.POSITIVE_INFINITY) + tellMsMax
  if (diedMs !== undefined && diedMs <= toMs && next.fromMs >= diedMs) return 'died'
  const isTroubled = ({ process, ...trouble }: Trouble) =>
    (process === undefined || process === run.process) && trouble.fromMs <= toMs && trouble.toMs >= run.fromMs
  return troubles.some(isTroubled) ? 'troubled' : undefined
}

function checkOrder(
  { jobs }: Terms,
  runsOf: ReadonlyMap<number, readonly Run[]>,
  say: (kind: ViolationKind, n: number, message: string) => void,
): void {
  // What nobody heard of may have come at any time after it was sent.
  const keyed = jobs.filter(({ key, fate }) => key !== undefined && fate === 'published')
  for (const [key, ofKey] of Map.groupBy(keyed, (job) => job.key)) {
    let earlier: { n: number; doneAtMs: number } | undefined
    let later: { n: number; fromMs: number } | undefined
    const inOrder = ofKey.toSorted((a, b) => a.n - b.n)
    for (const { n } of inOrder) {
      const runs = runsOf.get(n) ?? []
      const early = earlier && runs.find(({ fromMs }) => fromMs < (earlier?.doneAtMs ?? 0))
      if (early) say('order', n, `job ${n} of ${key} ran ${show(early)}, before ${earlier?.n} was done`)
      const done = doneAt(runs)
      if (done !== undefined && done > (earlier?.doneAtMs ?? Number.NEGATIVE_INFINITY)) earlier = { n, doneAtMs: done }
    }
    for (const { n } of inOrder.toReversed()) {
      const runs = runsOf.get(n) ?? []
      const again = later && runs.find(({ fromMs }) => fromMs > (later?.fromMs ?? 0))
      if (again) say('order', n, `job ${n} of ${key} ran ${show(again)}, after ${later?.n} had begun`)
      const [first] = runs
      if (first && first.fromMs < (later?.fromMs ?? Number.POSITIVE_INFINITY)) later = { n, fromMs: first.fromMs }
    }
  }
}

/** When it was done first. */
function doneAt(runs: readonly Run[] | undefined): number | undefined {
  const ends = (runs ?? []).flatMap(({ end }) => (end?.how === 'done' ? [end.atMs] : []))
  return ends.length > 0 ? Math.min(...ends) : undefined
}

function show({ process, attempt, fromMs, end }: Run): string {
  const until = end ? `${end.how} at ${end.atMs.toFixed(0)}` : 'no end'
  return `in ${process} (attempt ${attempt}, from ${fromMs.toFixed(0)}, ${until})`
}
