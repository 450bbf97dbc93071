// The wires, drawn below the cards. Dots run along a wire, the faster the more requests flow.

import { useEffect, useRef } from 'preact/hooks'
import { showRate } from '../words/numbers.ts'
import type { Box } from './box.ts'
import type { MapLayout } from './layout.ts'
import { replicationPath, requestPath } from './wire-path.ts'
import { addressEnd, clientsEnd, type Wire } from './wires.ts'

/** Between two dots, and how far the animation of map.css moves them in a second at playback rate 1. */
const dotPitchPx = 16

export function WireLayer({ wires, layout }: { wires: readonly Wire[]; layout: MapLayout }) {
  const boxOf = (end: string): Box | undefined =>
    end === clientsEnd ? layout.clients : end === addressEnd ? layout.address : layout.nodes.get(end)
  return (
    <svg class="wires" width={layout.width} height={layout.height} aria-hidden="true">
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M1 1l6 3-6 3" />
        </marker>
      </defs>
      {wires.map((wire) => {
        const [from, to] = [boxOf(wire.from), boxOf(wire.to)]
        return (
          from && to && <WireLine key={wire.id} wire={wire} from={from} to={to} isHorizontal={layout.isHorizontal} />
        )
      })}
    </svg>
  )
}

function WireLine({ wire, from, to, isHorizontal }: { wire: Wire; from: Box; to: Box; isHorizontal: boolean }) {
  const path = (wire.kind === 'replication' ? replicationPath : requestPath)(from, to, isHorizontal)
  const dots = useRef<SVGPathElement>(null)
  const speed = wire.rate > 0 ? (24 + 44 * Math.log10(1 + wire.rate)) / dotPitchPx : 0
  useEffect(() => {
    for (const animation of dots.current?.getAnimations() ?? []) animation.updatePlaybackRate(Math.max(speed, 0.01))
  }, [speed])

  const classes = ['wire', `is-${wire.kind}`]
  if (wire.rate > 0) classes.push('is-flowing')
  if (wire.hasErrors) classes.push('has-errors')
  if (wire.isBroken) classes.push('is-broken')
  return (
    <g class={classes.join(' ')}>
      <path class="wire-line" d={path.d} marker-end="url(#arrow)" />
      <path class="wire-dots" d={path.d} ref={dots} stroke-width={Math.min(6, 3 + Math.log10(1 + wire.rate) * 0.9)} />
      {wire.label !== undefined && wire.label > 0 && (
        <g class="wire-label" style={{ transform: `translate(${path.labelX}px, ${path.labelY}px)` }}>
          <text text-anchor="middle" dominant-baseline="central">
            {showRate(wire.label)}
          </text>
        </g>
      )}
    </g>
  )
}
