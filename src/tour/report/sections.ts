// The tables of the report: rungs, moves, faults, verification, kinds of requests, and what failed.

import type { Finding, LedgerVerdict, WriteKind } from '../ledger.ts'
import type { Failure } from '../load/record.ts'
import { clockTime, count, duration, percent, perSecond } from './figures.ts'
import { html, type Markup } from './markup.ts'
import type { Numbers, TourReport } from './report.ts'
import { type Column, table } from './table.ts'

const latencyColumns: ReadonlyArray<Column<Numbers>> = [
  { head: 'p50', cell: ({ latency }) => duration(latency.p50Ms) },
  { head: 'p99', cell: ({ latency }) => duration(latency.p99Ms) },
  { head: 'p99.9', cell: ({ latency }) => duration(latency.p999Ms) },
  { head: 'longest', cell: ({ latency }) => duration(latency.maxMs) },
]
const failedColumn: Column<Numbers> = {
  head: 'failed',
  cell: ({ failed }) => count(failed),
  isBad: ({ failed }) => failed > 0,
}
const resentColumn: Column<{ resent: number }> = { head: 'resent', cell: ({ resent }) => count(resent) }
const sentColumn: Column<Numbers> = { head: 'requests', cell: ({ sent }) => count(sent) }

export function rungsSection({ rungs }: TourReport): Markup {
  return html`<h2>Rung by rung</h2>
<p class="note">Everything that was due while the system stood on the rung, on the way up and down, faults included.</p>
${table(rungs, [
  { head: 'rung', cell: ({ rung, title }) => html`${rung}<small>${title}</small>` },
  { head: 'time', cell: ({ seconds }) => duration(seconds * 1000) },
  sentColumn,
  { head: 'per second', cell: ({ throughputPerSecond }) => perSecond(throughputPerSecond) },
  ...latencyColumns,
  { head: 'availability', cell: ({ availability }) => percent(availability) },
  resentColumn,
  failedColumn,
])}`
}

export function movesSection({ acts }: TourReport): Markup {
  return html`<h2>The planned moves, under load</h2>
<p class="note">Write pause: the longest time that touches the move in which no write was acknowledged. Writes come at random among
the requests, so that some milliseconds pass between two of them at any time.</p>
${table(
  acts.filter(({ kind }) => kind === 'climb' || kind === 'switchover' || kind === 'purge'),
  [
    { head: 'move', cell: ({ title }) => title },
    { head: 'took', cell: ({ startMs, endMs }) => duration(endMs - startMs) },
    sentColumn,
    { head: 'write pause', cell: ({ writePauseMs }) => duration(writePauseMs) },
    { head: 'slowest write', cell: ({ writeLatencyMaxMs }) => duration(writeLatencyMaxMs) },
    ...latencyColumns,
    resentColumn,
    failedColumn,
  ],
)}`
}

export function faultsSection({ faults, ledger, load }: TourReport): Markup {
  return html`<h2>What was broken, and how it came back</h2>
${
  faults.length > 0 &&
  table(faults, [
    {
      head: 'fault',
      cell: ({ title }, index) => html`<span class="dot">${index + 1}</span>${title}`,
    },
    { head: 'node', cell: ({ node }) => node, isText: true },
    { head: 'rung', cell: ({ rung }) => rung },
    { head: 'at', cell: ({ atMs }) => clockTime(atMs - load.startMs) },
    {
      head: 'ready again after',
      cell: ({ readyAfterMs }) => (readyAfterMs === null ? 'not seen' : duration(readyAfterMs)),
      isBad: ({ readyAfterMs }) => readyAfterMs === null,
    },
    { head: 'write pause', cell: ({ writePauseMs }) => duration(writePauseMs) },
    {
      head: 'no error after',
      cell: ({ cleanAfterMs }) => (cleanAfterMs === 0 ? 'none occurred' : duration(cleanAfterMs)),
    },
    resentColumn,
    { head: 'failed', cell: ({ failed }) => count(failed), isBad: ({ failed }) => failed > 0 },
  ])
}
<p class="note">${
    ledger.restartMs === null
      ? 'The whole system was not restarted.'
      : `After the load, the whole system was stopped and started again on the same data in ${duration(ledger.restartMs)}.`
  }</p>`
}

const kindTitles: Readonly<Record<WriteKind, string>> = {
  signup: 'signups',
  session: 'sessions',
  upload: 'uploads',
  thumbnail: 'thumbnails (jobs of the uploads)',
  like: 'likes',
  comment: 'comments',
  follow: 'follows',
  tip: 'tips',
}

export function ledgerSection({ ledger }: TourReport): Markup {
  const passes: ReadonlyArray<readonly [string, LedgerVerdict | null]> = [
    ['after the load', ledger.afterLoad],
    ['after a restart', ledger.afterRestart],
  ]
  const findings = passes.flatMap(([when, verdict]) =>
    (verdict?.findings ?? []).map((finding) => ({ when, ...finding })),
  )
  return html`<h2>Every acknowledged write, looked for</h2>
<p class="note">Each write that was answered with success must be there exactly once, read through the public API.</p>
${table(Object.keys(kindTitles) as WriteKind[], [
  { head: 'write', cell: (kind) => kindTitles[kind] },
  ...passes.map(
    ([when, verdict]): Column<WriteKind> => ({
      head: when,
      cell: (kind) => (verdict ? count(verdict.checked[kind]) : 'not looked for'),
      isBad: () => verdict === null,
    }),
  ),
  { head: 'wrong', cell: (kind) => count(wrongOf(kind, findings)), isBad: (kind) => wrongOf(kind, findings) > 0 },
])}
<p class="note">${count(ledger.afterLoad?.inDoubt ?? 0)} writes have an unknown outcome, since their answer was lost or was an error: each may be there
once or not at all, and was checked not to be there twice.</p>
${findings.length > 0 && findingsTable(findings)}`
}

function wrongOf(kind: WriteKind, findings: readonly Finding[]): number {
  return findings.filter((finding) => finding.kind === kind).length
}

function findingsTable(findings: ReadonlyArray<Finding & { when: string }>): Markup {
  return html`<h2>Lost, doubled or unreadable</h2>
${table(findings, [
  { head: 'what', cell: ({ kind, problem }) => `${kind} ${problem}`, isBad: () => true },
  { head: 'when', cell: ({ when }) => when, isText: true },
  { head: 'id', cell: ({ id }) => id, isText: true },
  { head: 'detail', cell: ({ detail }) => detail, isText: true },
])}`
}

export function kindsSection({ kinds }: TourReport): Markup {
  return html`<h2>By kind of request</h2>
${table(kinds, [{ head: 'request', cell: ({ kind }) => kind }, sentColumn, ...latencyColumns, resentColumn, failedColumn])}`
}

export function failuresSection({ failures, total, load }: TourReport): Markup | false {
  if (total.failed === 0) return false
  return html`<h2>What failed</h2>
<p class="note">The first ${count(failures.length)} of ${count(total.failed)}.</p>
${table<Failure>(failures, [
  { head: 'at', cell: ({ atMs }) => clockTime(atMs - load.startMs) },
  { head: 'request', cell: ({ request }) => request, isText: true },
  { head: 'why', cell: ({ reason }) => reason, isText: true },
])}`
}
