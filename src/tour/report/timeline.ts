// The picture of the whole tour: throughput above, latency below, the rungs as bands behind both, kills as numbered lines.
// Drawn when the report is made; the page needs no script.

import { clockTime, count, duration } from './figures.ts'
import { html, type Markup } from './markup.ts'
import type { SecondReport, TourReport } from './report.ts'
import { bandsOf, decadesUpTo, linearScale, logScale, pathOf, type Scale, tickEvery } from './scales.ts'

const width = 1080
const left = 56
const right = width - 14
const rate = { top: 44, bottom: 194 }
const latency = { top: 232, bottom: 402 }
const height = 436

export function timeline(report: TourReport): Markup {
  const { startMs, endMs, ratePerSecond } = report.load
  const seconds = report.seconds.filter((second) => second.atMs + 1000 <= endMs)
  const x = linearScale([startMs, endMs], [left, right])
  const rateMax = Math.max(ratePerSecond, ...seconds.map((second) => second.answered)) * 1.15
  const latencyMaxMs = Math.max(10, ...seconds.map((second) => second.p99Ms))
  const yRate = linearScale([0, rateMax], [rate.bottom, rate.top])
  const yLatency = logScale([1, 10 ** Math.ceil(Math.log10(latencyMaxMs))], [latency.bottom, latency.top])
  const middle = ({ atMs }: SecondReport) => x(atMs + 500)
  return html`<svg class="timeline" viewBox="0 0 ${width} ${height}" role="img"
  aria-label="Throughput and latency of every second of the tour">
<defs><pattern id="moving" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="2" height="6" class="hatch"/></pattern></defs>
${bands(report, x)}
${panel('requests answered per second', rate.top, rateTicks(rateMax), yRate)}
<line class="target" x1="${left}" x2="${right}" y1="${at(yRate(ratePerSecond))}" y2="${at(yRate(ratePerSecond))}"/>
<path class="area rate" d="${pathOf(seconds, middle, (second) => yRate(second.answered), yRate(0))}"/>
<path class="line rate" d="${pathOf(seconds, middle, (second) => yRate(second.answered))}"/>
${seconds.map((second) => failureBar(second, x, yRate))}
${panel(
  'latency from the due time',
  latency.top,
  decadesUpTo(latencyMaxMs).map((ms) => [ms, ms < 1000 ? `${ms} ms` : `${ms / 1000} s`]),
  yLatency,
)}
<path class="line p50" d="${pathOf(seconds, middle, (second) => yLatency(second.p50Ms))}"/>
<path class="line p99" d="${pathOf(seconds, middle, (second) => yLatency(second.p99Ms))}"/>
${timeAxis(startMs, endMs, x)}
${report.faults.map((fault, index) => marker(x(fault.atMs), index + 1, fault.title, fault.node))}
${seconds.map((second) => hover(second, startMs, x))}
</svg>`
}

function bands(report: TourReport, x: Scale): Markup[] {
  return bandsOf(report.acts).map(({ rung, startMs, endMs, isMove, label }) => {
    const [from, to] = [x(startMs), x(endMs)]
    const wide = to - from > 44
    return html`<g><rect class="band ${isMove ? 'move' : `rung-${Math.min(rung, 11)}`}" x="${at(from)}" y="18"
  width="${at(Math.max(1, to - from))}" height="${latency.bottom - 18}"/>
${isMove && html`<rect fill="url(#moving)" x="${at(from)}" y="18" width="${at(Math.max(1, to - from))}" height="${latency.bottom - 18}"/>`}
${!isMove && html`<text class="band-label" x="${at((from + to) / 2)}" y="12">${wide ? label : rung}</text>`}</g>`
  })
}

function panel(title: string, top: number, ticks: ReadonlyArray<readonly [number, string]>, y: Scale): Markup {
  return html`<text class="panel-title" x="${left}" y="${top - 8}">${title}</text>
${ticks.map(
  ([value, label]) => html`<line class="grid" x1="${left}" x2="${right}" y1="${at(y(value))}" y2="${at(y(value))}"/>
<text class="tick y" x="${left - 8}" y="${at(y(value) + 4)}">${label}</text>`,
)}`
}

function rateTicks(rateMax: number): Array<[number, string]> {
  const step = tickEvery(rateMax, 4)
  return Array.from({ length: Math.floor(rateMax / step) + 1 }, (_, index) => [index * step, count(index * step)])
}

function timeAxis(startMs: number, endMs: number, x: Scale): Markup[] {
  const stepMs = tickEvery((endMs - startMs) / 1000, 12, [1, 2, 5, 10, 15, 30, 60, 120, 300, 600]) * 1000
  return Array.from({ length: Math.floor((endMs - startMs) / stepMs) + 1 }, (_, index) => {
    const position = at(x(startMs + index * stepMs))
    return html`<line class="grid faint" x1="${position}" x2="${position}" y1="${rate.top}" y2="${latency.bottom}"/>
<text class="tick x" x="${position}" y="${latency.bottom + 20}">${clockTime(index * stepMs)}</text>`
  })
}

function failureBar({ atMs, failed }: SecondReport, x: Scale, y: Scale): Markup | false {
  if (failed === 0) return false
  const top = Math.min(y(failed), rate.bottom - 3)
  const [from, to] = [x(atMs), x(atMs + 1000)]
  return html`<rect class="failed" x="${at(from)}" y="${at(top)}" width="${at(Math.max(2, to - from))}"
  height="${at(rate.bottom - top)}"/>`
}

function marker(position: number, number: number, title: string, node: string): Markup {
  return html`<g class="kill"><title>${title}: ${node}</title>
<line x1="${at(position)}" x2="${at(position)}" y1="24" y2="${latency.bottom}"/>
<circle cx="${at(position)}" cy="${rate.bottom + 16}" r="9"/>
<text x="${at(position)}" y="${rate.bottom + 20}">${number}</text></g>`
}

function hover(second: SecondReport, startMs: number, x: Scale): Markup {
  const { atMs, answered, failed, resent, p50Ms, p99Ms, maxMs } = second
  const text = `${clockTime(atMs - startMs)}  ${answered} answered, ${failed} failed, ${resent} resent
p50 ${duration(p50Ms)}, p99 ${duration(p99Ms)}, longest ${duration(maxMs)}`
  return html`<rect class="hover" x="${at(x(atMs))}" y="18" width="${at(x(atMs + 1000) - x(atMs))}"
  height="${latency.bottom - 18}"><title>${text}</title></rect>`
}

function at(position: number): string {
  return position.toFixed(1)
}
