// The two ends of the map that are no nodes: the clients, and the one public address that they use.

import type { Totals } from '../system/totals.ts'
import { showMs, showRate } from '../words/numbers.ts'
import type { Box } from './box.ts'

const place = (box: Box) => ({
  transform: `translate(${box.x}px, ${box.y}px)`,
  width: `${box.width}px`,
  height: `${box.height}px`,
})

export function ClientsBox({ box, totals }: { box: Box; totals: Totals }) {
  const { requestsPerSecond, p99Ms } = totals
  return (
    <div class="end" style={place(box)}>
      <svg viewBox="0 0 32 18" width="34" height="19" aria-hidden="true" class="end-icon">
        <circle cx="7" cy="6" r="3" />
        <path d="M1.500 17c0-4 2-6 5.500-6s5.500 2 5.500 6" />
        <circle cx="25" cy="6" r="3" />
        <path d="M19.500 17c0-4 2-6 5.500-6s5.500 2 5.500 6" />
        <circle cx="16" cy="4.500" r="3.500" />
        <path d="M9.500 17c0-5 2.500-7 6.500-7s6.500 2 6.500 7" />
      </svg>
      <strong>Clients</strong>
      {requestsPerSecond !== null && <span class="end-rate">{showRate(requestsPerSecond)}</span>}
      {p99Ms !== null && <span class="dim">p99 {showMs(p99Ms)}</span>}
    </div>
  )
}

export function AddressBox({ box, url }: { box: Box; url: string }) {
  return (
    <a class="end is-link" style={place(box)} href={url} target="_blank" rel="noreferrer">
      <span class="dim">Public address</span>
      <strong class="mono">{url.replace(/^https?:\/\//, '').replace(/\/$/, '')}</strong>
      <span class="open-app">open the app ↗</span>
    </a>
  )
}
