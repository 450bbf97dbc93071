// The top line: which system, on which rung, how it does, and whether this is live.

import type { Status } from '../../../control/api.ts'
import { totalsOf } from '../system/totals.ts'
import type { System } from '../system/use-system.ts'
import { showMs, showRate } from '../words/numbers.ts'
import { ConnectionLine } from './connection-line.tsx'
import { Mark } from './mark.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

export function Masthead({ system, status }: { system: System; status: Status | null }) {
  const rung = status?.rungs.find((candidate) => candidate.number === status.rung)
  return (
    <header class="masthead">
      <Mark />
      <h1>
        {status?.name ?? 'Tenfold'}
        {rung && (
          <span class="masthead-rung">
            rung {rung.number} <span class="dim">{rung.title}</span>
          </span>
        )}
      </h1>
      {status && <Figures system={system} status={status} />}
      <div class="masthead-end">
        <ConnectionLine connection={system.connection} retryNow={system.retryNow} />
        <ThemeSwitch />
      </div>
    </header>
  )
}

function Figures({ system, status }: { system: System; status: Status }) {
  const { requestsPerSecond, p99Ms, errorsPerSecond } = totalsOf(status.nodes, system.metrics)
  const ready = status.nodes.filter((node) => node.state === 'ready').length
  const isAllReady = ready === status.nodes.length
  return (
    <dl class="totals">
      {requestsPerSecond !== null && <Total word="requests" value={showRate(requestsPerSecond)} />}
      {p99Ms !== null && <Total word="p99" value={showMs(p99Ms)} />}
      {errorsPerSecond !== null && (
        <Total word="errors" value={showRate(errorsPerSecond)} isBad={errorsPerSecond > 0} />
      )}
      <Total word="nodes ready" value={`${ready} of ${status.nodes.length}`} isBad={!isAllReady} />
    </dl>
  )
}

function Total({ word, value, isBad = false }: { word: string; value: string; isBad?: boolean }) {
  return (
    <div class={isBad ? 'is-bad' : undefined}>
      <dt>{word}</dt>
      <dd>{value}</dd>
    </div>
  )
}
