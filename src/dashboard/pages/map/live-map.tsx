// The live map: the system as it is now, with the traffic on it.

import { useMemo } from 'preact/hooks'
import type { Status } from '../../../control/api.ts'
import { seriesOf } from '../system/history.ts'
import { totalsOf } from '../system/totals.ts'
import { useNow } from '../system/use-now.ts'
import type { System } from '../system/use-system.ts'
import type { Space } from './box.ts'
import { AddressBox, ClientsBox } from './ends.tsx'
import { fitMap } from './fit.ts'
import type { MapLayout } from './layout.ts'
import { NodeCard, trendSlots } from './node-card.tsx'
import { TierHeading } from './tier-heading.tsx'
import { useLeaving } from './use-leaving.ts'
import { useSize } from './use-size.ts'
import { WireLayer } from './wire-layer.tsx'
import { wiresOf } from './wires.ts'

interface Props {
  system: System
  status: Status
  selected: string | null
  onSelect: (node: string | null) => void
  onNotice: (message: string) => void
}

const unmeasured: Space = { width: 1000, height: 480 }

export function LiveMap({ system, status, selected, onSelect, onNotice }: Props) {
  const { ref, size } = useSize<HTMLElement>()
  const { layout, zoom } = useMemo(() => fitMap(status.nodes, size ?? unmeasured), [status.nodes, size])
  const leaving = useLeaving(status.nodes, layout.nodes)
  const now = useNow()
  const wires = wiresOf(status, system.metrics)
  const recent = system.history.slice(-trendSlots)
  const card = (node: Status['nodes'][number], box = layout.nodes.get(node.id), isLeaving = false) =>
    box && (
      <NodeCard
        key={isLeaving ? `leaving ${node.id}` : node.id}
        node={node}
        box={box}
        metrics={system.metrics[node.id] ?? {}}
        trend={seriesOf(recent, node.id, 'requestsPerSecond')}
        now={now}
        isCompact={layout.isCompact}
        isSelected={node.id === selected}
        isLeaving={isLeaving}
        onSelect={() => onSelect(node.id === selected ? null : node.id)}
      />
    )

  return (
    <section ref={ref} class="map" aria-label="Live map of the system">
      {size && (
        <div class="map-canvas" style={{ width: `${layout.width}px`, height: `${layout.height}px`, zoom }}>
          <Frames layout={layout} status={status} />
          <WireLayer wires={wires} layout={layout} />
          {layout.tiers.map((tier) => (
            <TierHeading key={tier.role} tier={tier} status={status} client={system.client} onNotice={onNotice} />
          ))}
          <ClientsBox box={layout.clients} totals={totalsOf(status.nodes, system.metrics)} />
          <AddressBox box={layout.address} url={status.urls.app} />
          {status.nodes.map((node) => card(node))}
          {leaving.map(({ node, box }) => card(node, box, true))}
        </div>
      )}
    </section>
  )
}

function Frames({ layout, status }: { layout: MapLayout; status: Status }) {
  const place = (box: MapLayout['clients']) => ({
    transform: `translate(${box.x}px, ${box.y}px)`,
    width: `${box.width}px`,
    height: `${box.height}px`,
  })
  return (
    <>
      {layout.regions.map((box) => {
        const isHealthy = status.regions.find((region) => region.id === box.id)?.healthy ?? true
        return (
          <div key={box.id} class={`frame is-region${isHealthy ? '' : ' is-unhealthy'}`} style={place(box)}>
            <span>
              {box.id}
              <span class="dim"> · {isHealthy ? 'region' : 'region, not healthy'}</span>
            </span>
          </div>
        )
      })}
      {layout.hosts.map((box) => (
        <div key={box.id} class="frame is-host" style={place(box)}>
          <span>{box.id.slice(box.id.indexOf('/') + 1)}</span>
        </div>
      ))}
    </>
  )
}
