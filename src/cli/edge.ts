// `tenfold edge`: what the edge keeps, what it answered, and what a CDN would bill for that.

import type { EdgeReport } from '../control/api.ts'
import type { Command } from './command.ts'

export const edge: Command = {
  name: 'edge',
  usage: '',
  summary: 'what the edge keeps, what it answered and what that saves, of all fronts',
  details: `Requests by what became of them since each front started: from here are hit, stale, revalidated and coalesced (one
fetch for many who asked at once); not from here are miss and pass. Sizes are in units of 1024; amounts of money are those
of edge.pricePerGigabyte and edge.originPricePerGigabyte, in their currency, for 10^9 bytes.`,
  async run(target) {
    const { total, nodes } = await (await target.client()).edge()
    const ids = Object.keys(nodes).sort()
    const text =
      ids.length === 0
        ? 'no front has an edge: set edge.enabled (rung 6)'
        : [...ids.map((id) => `${id}: ${keptOf(nodes[id] as EdgeReport)}`), describe(total)].join('\n')
    target.print({ total, nodes }, text)
  },
}

function keptOf({ objects, memoryBytes, diskBytes }: EdgeReport): string {
  return `${objects} answers, ${size(memoryBytes)} in memory, ${size(diskBytes)} on disk`
}

function describe({ requests, bytesOut, bytesFromOrigin, cost }: EdgeReport): string {
  const all = Object.values(requests).reduce((sum, count) => sum + count, 0)
  const share = (count: number) => (all === 0 ? '' : ` (${((count / all) * 100).toFixed(1)} %)`)
  const { hit, stale, revalidated, coalesced, miss, pass } = requests
  return [
    `${all} requests: ${Object.entries({ hit, stale, revalidated, coalesced, miss, pass })
      .map(([name, count]) => `${name} ${count}${share(count)}`)
      .join(', ')}`,
    `${size(bytesOut)} to clients, ${size(bytesFromOrigin)} from the servers for it`,
    `a CDN would bill ${cost.billed.toFixed(4)}, the edge saved ${cost.saved.toFixed(4)}`,
  ].join('\n')
}

function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
