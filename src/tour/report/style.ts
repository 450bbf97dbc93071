// The looks of the report: light, dark and on paper, from one set of colours.

const light = `
  --paper: #fbfbf9; --card: #fff; --ink: #18202c; --soft: #596374; --rule: #e2e5ea; --grid: #e9ebef;
  --rate: #2563c9; --p99: #c2500a; --p50: #8a93a3; --bad: #c1272d; --bad-soft: #fdf0ef; --good: #17774a; --good-soft: #edf7f1;
  --band: 37 99 201;`
const dark = `
  --paper: #11151c; --card: #181d26; --ink: #e8ebf0; --soft: #9aa5b5; --rule: #2a313d; --grid: #262d38;
  --rate: #6ea2f5; --p99: #f08c4a; --p50: #7e8a9c; --bad: #f2777a; --bad-soft: #2c1b1e; --good: #58c48d; --good-soft: #15271f;
  --band: 110 162 245;`

const rungBands = Array.from(
  { length: 11 },
  (_, index) => `.rung-${index + 1} { fill: rgb(var(--band) / ${(0.03 + index * 0.04).toFixed(2)}) }`,
).join('\n')

export const style = `
:root { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) { :root { ${dark} } }
@media print { :root { color-scheme: light; ${light} } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums }
main { max-width: 1144px; margin: 0 auto; padding: 40px 32px 72px }
h2 { font-size: 18px; margin: 44px 0 4px; letter-spacing: -.01em }
p { margin: 6px 0; max-width: 76ch } .soft, .note { color: var(--soft) } .note { font-size: 13.5px }
a { color: inherit }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; overflow-x: auto }

.brand { color: var(--soft); font-size: 13.5px; display: flex; justify-content: space-between; gap: 16px; flex-wrap: wrap }
.verdict { border: 1px solid var(--rule); border-left: 6px solid var(--tone); background: var(--tone-soft); border-radius: 10px;
  padding: 22px 28px 24px; margin: 12px 0 20px }
.verdict.passed { --tone: var(--good); --tone-soft: var(--good-soft) } .verdict.broken { --tone: var(--bad); --tone-soft: var(--bad-soft) }
.verdict h1 { font-size: 36px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.02em; color: var(--tone) }
.verdict p { font-size: 16px; margin: 0 }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; background: var(--rule);
  border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; margin: 0 }
.figures div { background: var(--card); padding: 13px 16px } .figures dt { color: var(--soft); font-size: 13px }
.figures dd { margin: 0; font-size: 21px; font-weight: 600; letter-spacing: -.01em; white-space: nowrap }

figure { margin: 14px 0 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 18px 12px; overflow-x: auto }
.timeline { display: block; width: 100%; min-width: 760px; height: auto }
.timeline text { font-size: 12px; fill: var(--soft) }
.timeline .panel-title { font-size: 12.5px; fill: var(--ink); font-weight: 600 }
.timeline .band-label { text-anchor: middle; font-weight: 600 } .timeline .tick.y { text-anchor: end } .timeline .tick.x { text-anchor: middle }
.band.move { fill: rgb(var(--band) / .05) } .hatch { fill: rgb(var(--band) / .3) }
${rungBands}
.grid { stroke: var(--grid) } .grid.faint { stroke-dasharray: 2 4 } .target { stroke: var(--soft); stroke-dasharray: 5 4 }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round } .line.rate { stroke: var(--rate) } .area.rate { fill: var(--rate); opacity: .13 }
.line.p99 { stroke: var(--p99) } .line.p50 { stroke: var(--p50) } .failed { fill: var(--bad) }
.kill line { stroke: var(--bad); stroke-dasharray: 3 3 } .kill circle { fill: var(--bad) }
.timeline .kill text { fill: var(--card); text-anchor: middle; font-weight: 700; font-size: 11.5px }
.hover { fill: transparent } .hover:hover { fill: rgb(var(--band) / .12) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; padding: 0; margin: 8px 0 0; font-size: 13px; color: var(--soft) }
.legend i { display: inline-block; width: 18px; height: 3px; margin-right: 7px; vertical-align: middle; border-radius: 2px; background: var(--key) }
.legend i.block { height: 11px } .legend i.dash { background: repeating-linear-gradient(90deg, var(--key) 0 4px, transparent 4px 7px) }
.legend i.hatched { height: 11px; background: repeating-linear-gradient(135deg, rgb(var(--band) / .5) 0 2px, rgb(var(--band) / .1) 2px 5px) }
.dot { display: inline-grid; place-items: center; width: 17px; height: 17px; border-radius: 50%; background: var(--bad);
  color: var(--card); font-size: 11px; font-weight: 700; margin-right: 7px }

.table { overflow-x: auto; margin: 12px 0 0 }
table { border-collapse: collapse; width: 100%; font-size: 14px }
th, td { text-align: right; padding: 8px 12px; border-bottom: 1px solid var(--rule); white-space: nowrap }
th { color: var(--soft); font-weight: 500; font-size: 13px; vertical-align: bottom }
th:first-child, td:first-child, .words { text-align: left } td.words { white-space: normal; overflow-wrap: anywhere }
td:first-child { font-weight: 600 } td:first-child small { display: block; font-weight: 400; color: var(--soft); font-size: 13px }
td.bad { color: var(--bad); font-weight: 600 }
ul.method { padding-left: 20px; max-width: 82ch } ul.method li { margin: 5px 0 }
@media print { main { padding: 0; max-width: none } body { font-size: 12px; background: #fff } h2 { break-after: avoid }
  .verdict, figure, tr, .figures { break-inside: avoid } .hover { display: none } * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
@media (max-width: 640px) { main { padding: 20px 14px 48px } .verdict { padding: 16px 18px } .verdict h1 { font-size: 27px }
  .figures { grid-template-columns: repeat(2, 1fr) } }
`
