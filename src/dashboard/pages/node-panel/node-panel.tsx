// One node: what is known about it, what can be done to it, and its log.

import type { Status } from '../../../control/api.ts'
import { StateGlyph } from '../map/state-glyph.tsx'
import type { System } from '../system/use-system.ts'
import { FaultActions } from './fault-actions.tsx'
import { LogTail } from './log-tail.tsx'
import { NodeFacts } from './node-facts.tsx'
import { PromoteAction } from './promote-action.tsx'

interface Props {
  system: System
  status: Status
  id: string
  onClose: () => void
}

export function NodePanel({ system, status, id, onClose }: Props) {
  const node = status.nodes.find((candidate) => candidate.id === id)
  return (
    <section class="pane node-panel" aria-label={`Node ${id}`}>
      <header class="pane-head">
        {node && <StateGlyph state={node.state} />}
        <h2 class="mono">{id}</h2>
        <span class="dim">{node ? node.state : 'no longer on the map'}</span>
        {node && <PromoteAction node={node} status={status} client={system.client} />}
        {node && <FaultActions node={node} client={system.client} />}
        <button type="button" class="button is-small" onClick={onClose}>
          Close
        </button>
      </header>
      <div class="node-body">
        {node && (
          <div class="node-side">
            <NodeFacts node={node} status={status} metrics={system.metrics[id] ?? {}} />
          </div>
        )}
        <LogTail key={id} node={id} client={system.client} />
      </div>
    </section>
  )
}
