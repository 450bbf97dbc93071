// A tier's name above its column and, where the topology lets it, a live change of its count.

import { useState } from 'preact/hooks'
import type { Status } from '../../../control/api.ts'
import type { ControlClient } from '../../../control/client.ts'
import { messageOf } from '../words/failure.ts'
import type { Box } from './box.ts'
import { type Tier, wantedCount } from './tiers.ts'

interface Props {
  tier: Tier & Box
  status: Status
  client: ControlClient
  onNotice: (message: string) => void
}

export function TierHeading({ tier, status, client, onNotice }: Props) {
  const [isSending, setSending] = useState(false)
  const wanted = wantedCount(status, tier.role)
  const present = status.nodes.filter((node) => node.role === tier.role).length
  const needsBalancer = tier.role === 'web' && status.topology.front.count === 0

  const title = tier.role === 'front' && status.topology.edge.enabled ? 'Edge, balancer' : tier.title

  async function scale(count: number) {
    setSending(true)
    try {
      await client.scale(tier.role as 'front' | 'web' | 'worker', count)
    } catch (error) {
      onNotice(`Could not scale ${title.toLowerCase()} to ${count}: ${messageOf(error)}`)
    }
    setSending(false)
  }

  const scaled = tier.role === 'web' ? status.scale.web : tier.role === 'worker' ? status.scale.worker : null
  const isLocked = isSending || status.climbing !== null || needsBalancer
  const why = needsBalancer ? 'More than one web server needs a balancer: climb to rung 3' : undefined
  return (
    <div
      class="tier-heading"
      style={{ transform: `translate(${tier.x}px, ${tier.y}px)`, width: `${tier.width}px`, height: `${tier.height}px` }}
    >
      <h3>{title}</h3>
      {wanted === undefined ? (
        present > 1 && <span class="tier-count">{present}</span>
      ) : (
        <fieldset class="stepper" aria-label={`${title}: how many`} title={why}>
          <button
            type="button"
            disabled={isLocked || wanted <= 1}
            aria-label="one less"
            onClick={() => scale(wanted - 1)}
          >
            −
          </button>
          <output aria-live="polite">{wanted}</output>
          <button type="button" disabled={isLocked} aria-label="one more" onClick={() => scale(wanted + 1)}>
            +
          </button>
        </fieldset>
      )}
      {scaled && (
        <span
          class="tier-count"
          title={`The load asks for ${scaled.wanted}, between ${scaled.least} and ${scaled.most}`}
        >
          {scaled.wanted} of {scaled.most}
        </span>
      )}
    </div>
  )
}
