// What the system does as a whole, shown while no node is selected: the last five minutes, or what lies in its queues.

import { useState } from 'preact/hooks'
import type { Status } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { QueuePane } from '../queues/queue-pane.tsx'
import type { Point } from '../system/history.ts'
import { totalsOf } from '../system/totals.ts'
import { showBytes, showMs, showPercent, showRate } from '../words/numbers.ts'
import { TimeChart } from './time-chart.tsx'

interface Props {
  status: Status
  history: readonly Point[]
  client: ControlClient
}

export function Overview({ status, history, client }: Props) {
  const [view, setView] = useState<'load' | 'queues'>('load')
  // A program of the user's has no queue of ours.
  const hasQueues = status.topology.web.command === undefined

  return (
    <section class="pane overview" aria-label="The whole system">
      <header class="pane-head">
        <h2>Whole system</h2>
        <span class="dim">
          {view === 'load' ? 'last 5 minutes' : 'every 2 seconds'} · select a node on the map for its details and log
        </span>
        {hasQueues && (
          <fieldset class="views" aria-label="What is shown">
            <button type="button" aria-pressed={view === 'load'} onClick={() => setView('load')}>
              Load
            </button>
            <button type="button" aria-pressed={view === 'queues'} onClick={() => setView('queues')}>
              Queues
            </button>
          </fieldset>
        )}
      </header>
      {view === 'queues' && hasQueues ? <QueuePane client={client} /> : <Charts status={status} history={history} />}
    </section>
  )
}

function Charts({ status, history }: Pick<Props, 'status' | 'history'>) {
  const totals = history.map((point) => totalsOf(status.nodes, point.nodes))
  const sumOf = (figure: 'cpuPercent' | 'memoryBytes') =>
    history.map((point) => {
      const known = Object.values(point.nodes).flatMap((node) => node[figure] ?? [])
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
    })
  return (
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
      <TimeChart title="In flight" history={history} values={totals.map((t) => t.inFlight)} show={String} tone="calm" />
      <TimeChart title="CPU" history={history} values={sumOf('cpuPercent')} show={showPercent} tone="calm" />
      <TimeChart title="Memory" history={history} values={sumOf('memoryBytes')} show={showBytes} tone="calm" />
    </div>
  )
}
