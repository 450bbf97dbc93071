// The report as one HTML file that needs nothing else: no script, no font, no network.

import { count, duration, percent, perSecond } from './figures.ts'
import { html, Markup } from './markup.ts'
import type { TourReport } from './report.ts'
import { failuresSection, faultsSection, kindsSection, ledgerSection, movesSection, rungsSection } from './sections.ts'
import { style } from './style.ts'
import { timeline } from './timeline.ts'

export function renderReport(report: TourReport): string {
  const { verdict } = report
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tenfold tour: ${verdict.summary}</title><style>${new Markup(style)}</style></head>
<body><main>
<div class="brand"><span>Tenfold tour</span><time datetime="${report.startedAt}">${dateOf(report.startedAt)}</time></div>
<section class="verdict ${verdict.isPassed ? 'passed' : 'broken'}"><h1>${verdict.summary}</h1><p>${story(report)}</p></section>
${figures(report)}
<h2>The whole tour, second by second</h2>
<figure>${timeline(report)}${legend(report)}</figure>
${failuresSection(report)}
${rungsSection(report)}
${movesSection(report)}
${faultsSection(report)}
${ledgerSection(report)}
${kindsSection(report)}
${method(report)}
${again(report)}
</main></body></html>
`
  return page.text
}

function story({ total, load, acts, faults, ledger }: TourReport): string {
  const path = acts.filter((act) => act.kind === 'climb').map((act) => act.rung)
  const journey = path.length === 0 ? 'stayed on rung 1' : `went over the rungs ${[1, ...path].join(' → ')}`
  const killed = faults.length === 0 ? '' : ` and survived ${count(faults.length)} faults`
  const checked = ledger.afterRestart ?? ledger.afterLoad
  const writes = checked ? Object.values(checked.checked).reduce((sum, number) => sum + number, 0) : 0
  return (
    `${count(total.sent)} requests came at ${perSecond(load.ratePerSecond)} a second, without a break, while the system ${journey}${killed}. ` +
    `${count(writes)} facts that it had acknowledged were looked for afterwards.`
  )
}

function figures({ total, acts, durationMs }: TourReport): Markup {
  const pause = Math.max(0, ...acts.filter((act) => act.kind === 'climb').map((act) => act.writePauseMs))
  const shown: ReadonlyArray<readonly [string, string]> = [
    ['requests', count(total.sent)],
    ['availability', percent(total.availability)],
    ['median', duration(total.latency.p50Ms)],
    ['99th percentile', duration(total.latency.p99Ms)],
    ['longest', duration(total.latency.maxMs)],
    ['longest write pause', duration(pause)],
    ['resent', count(total.resent)],
    ['length', duration(durationMs)],
  ]
  return html`<dl class="figures">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function legend({ faults }: TourReport): Markup {
  return html`<ul class="legend">
<li><i style="--key: var(--rate)"></i>answered per second</li><li><i class="dash" style="--key: var(--soft)"></i>rate of arrivals</li>
<li><i style="--key: var(--p99)"></i>p99</li><li><i style="--key: var(--p50)"></i>p50</li>
<li><i class="block" style="--key: var(--bad)"></i>failed</li><li><i class="hatched"></i>moving between rungs</li>
${faults.map(({ title, node }, index) => html`<li><span class="dot">${index + 1}</span>${title}: ${node}</li>`)}</ul>`
}

function method({ load }: TourReport): Markup {
  return html`<h2>How it was measured</h2><ul class="method">
<li><strong>Open loop.</strong> A process of its own sends ${perSecond(load.ratePerSecond)} requests a second, evenly, over ${load.connections} kept
connections, whether or not earlier ones were answered.</li>
<li><strong>Latency counts from the moment at which a request was due</strong> to the last byte of its answer. A system that stalls is charged for
everyone who would have come meanwhile (no coordinated omission).</li>
<li><strong>Failed</strong> is: a broken connection, no whole answer within ${duration(load.timeoutMs)}, any 5xx, any other status that is not 2xx (no
request asks for what is not there), or an answer that does not hold what it promises.</li>
<li><strong>Nothing is retried</strong> but for what every keep-alive client does: a request that may be repeated (GET, or POST with an Idempotency-Key), sent on
a kept connection that the server closed before a byte of the answer, goes once more on a new one (RFC 9110, 9.2.2). These are
counted as resent. Every POST carries an Idempotency-Key, which the app honours.</li>
<li><strong>Users</strong> have sessions and are chosen by Zipf: a few celebrities get most of the attention. About 70 % of the requests read; the rest like,
comment, upload real photographs, sign up and tip.</li>
<li><strong>Percentiles</strong> come from histograms with three significant digits; the longest is exact.</li></ul>`
}

function again({ machine, commands, load }: TourReport): Markup {
  return html`<h2>Where, and how to repeat it</h2>
<p>${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}. Load, app and database share this machine.
Random seed ${load.seed}.</p>
<pre><code>${commands.join('\n')}</code></pre>`
}

function dateOf(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}
