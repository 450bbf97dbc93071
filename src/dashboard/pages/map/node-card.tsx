// One node on the map: what it is, how it is, what it does. Pressing it opens its panel.

import type { NodeMetrics, StatusNode } from '../../../control/api.ts'
import { Spark } from '../charts/spark.tsx'
import { showDuration, showMs, showPercent, showRate } from '../words/numbers.ts'
import type { Box } from './box.ts'
import { StateGlyph } from './state-glyph.tsx'
import { shortName } from './tiers.ts'

/** Seconds that the small line of a card covers. */
export const trendSlots = 60

interface Props {
  node: StatusNode
  box: Box
  metrics: NodeMetrics
  /** Requests per second of the last minutes. */
  trend: ReadonlyArray<number | null>
  now: number
  isCompact: boolean
  isSelected: boolean
  isLeaving: boolean
  onSelect: () => void
}

export function NodeCard({ node, box, metrics, trend, now, isCompact, isSelected, isLeaving, onSelect }: Props) {
  const age = showDuration(now - Date.parse(node.since))
  const state = isLeaving ? 'gone' : node.state
  return (
    <div
      class={`node-place is-${state}`}
      style={{ transform: `translate(${box.x}px, ${box.y}px)`, width: `${box.width}px`, height: `${box.height}px` }}
    >
      <button
        type="button"
        class={`node-card${isCompact ? ' is-compact' : ''}`}
        aria-pressed={isSelected}
        disabled={isLeaving}
        data-node={node.id}
        onClick={onSelect}
      >
        <span class="node-line">
          <StateGlyph state={node.state} />
          <strong class="node-name">{shortName(node.id)}</strong>
          {node.restarts > 0 && (
            <span class="badge is-warn" title={`started again ${node.restarts} times after it died`}>
              ↻ {node.restarts}
            </span>
          )}
          {isCompact && metrics.hitRatio !== undefined && (
            <span
              class="node-hits"
              title={node.role === 'redis' ? 'reads that found a value' : 'requests that the edge answered'}
            >
              {showPercent(metrics.hitRatio * 100)} hits
            </span>
          )}
        </span>
        <span class="node-line node-state">
          <span class="state-word">{state}</span>
          {!isCompact && <span class={`dim${node.entry || node.database ? ' is-extra' : ''}`}>{age}</span>}
          {isCompact && metrics.requestsPerSecond !== undefined && <span>{showRate(metrics.requestsPerSecond)}</span>}
          {node.entry && <span class="badge is-role">entry</span>}
          {node.database && (
            <span class={`badge is-role${node.database === 'primary' ? ' is-primary' : ''}`}>{node.database}</span>
          )}
        </span>
        {!isCompact && <Figures node={node} metrics={metrics} />}
        {!isCompact && (
          <span class="node-line dim mono node-address">
            {node.address}:{node.port}
            {node.pid !== null && <span class="is-extra"> pid {node.pid}</span>}
          </span>
        )}
        {!isCompact && <Spark values={trend} slots={trendSlots} class="node-trend" />}
      </button>
    </div>
  )
}

function Figures({ node, metrics }: { node: StatusNode; metrics: NodeMetrics }) {
  const { requestsPerSecond, p99Ms, errorsPerSecond, cpuPercent, hitRatio } = metrics
  return (
    <span class="node-line node-figures">
      {requestsPerSecond !== undefined && <span class="figure">{showRate(requestsPerSecond)}</span>}
      {node.lagMs !== undefined && <span class="figure">{showMs(node.lagMs)} behind</span>}
      {hitRatio !== undefined && <span class="figure">{showPercent(hitRatio * 100)} hits</span>}
      {p99Ms !== undefined && <span class="dim">p99 {showMs(p99Ms)}</span>}
      {errorsPerSecond !== undefined && errorsPerSecond > 0 ? (
        <span class="figure-error">{showRate(errorsPerSecond)} errors</span>
      ) : (
        cpuPercent !== undefined && <span class="dim is-extra">cpu {showPercent(cpuPercent)}</span>
      )}
    </span>
  )
}
