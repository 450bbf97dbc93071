// What the system does as a whole, over the last five minutes: shown while no node is selected.

import type { Status } from '../../../control/api.ts'
import type { Point } from '../system/history.ts'
import { totalsOf } from '../system/totals.ts'
import { showBytes, showMs, showPercent, showRate } from '../words/numbers.ts'
import { TimeChart } from './time-chart.tsx'

export function Overview({ status, history }: { status: Status; history: readonly Point[] }) {
  const totals = history.map((point) => totalsOf(status.nodes, point.nodes))
  const sumOf = (figure: 'cpuPercent' | 'memoryBytes') =>
    history.map((point) => {
      const known = Object.values(point.nodes).flatMap((node) => node[figure] ?? [])
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
    })
  return (
    <section class="pane overview" aria-label="The whole system">
      <header class="pane-head">
        <h2>Whole system</h2>
        <span class="dim">last 5 minutes · select a node on the map for its details and log</span>
      </header>
      <div class="charts">
        <TimeChart title="Requests" history={history} values={totals.map((t) => t.requestsPerSecond)} show={showRate} />
        <TimeChart title="p99 latency" history={history} values={totals.map((t) => t.p99Ms)} show={showMs} />
        <TimeChart
          title="Errors"
          history={history}
          values={totals.map((t) => t.errorsPerSecond)}
          show={showRate}
          tone="error"
        />
        <TimeChart
          title="In flight"
          history={history}
          values={totals.map((t) => t.inFlight)}
          show={String}
          tone="calm"
        />
        <TimeChart title="CPU" history={history} values={sumOf('cpuPercent')} show={showPercent} tone="calm" />
        <TimeChart title="Memory" history={history} values={sumOf('memoryBytes')} show={showBytes} tone="calm" />
      </div>
    </section>
  )
}
