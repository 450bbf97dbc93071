// Eviction on traces of real systems: hit ratios of every policy beside the optimum, and the share of the way from LRU to the
// optimum that each goes. Exit code 1 when a target is missed. README.md says where the traces come from.
// Run: node -C source bench/cache/traces.ts [folder of traces] [--only loop,OLTP]

import { parseArgs } from 'node:util'
import type { Eviction } from '../../src/tiers/cache/engines/memory/eviction/eviction.ts'
import type { Place, PlaceQueue } from '../../src/tiers/cache/engines/memory/eviction/place-queue.ts'
import { type EvictionName, evictions } from '../../src/tiers/cache/engines/memory/eviction/policies.ts'
import { cellsOf } from './traces/cells.ts'
import { optimalHits } from './traces/optimum.ts'
import type { Trace } from './traces/read-trace.ts'

class TracePlace implements Place {
  readonly key: number
  readonly hash: number
  bytes = 1
  hits = 0
  queue: PlaceQueue | undefined = undefined
  newer: Place | undefined = undefined
  older: Place | undefined = undefined

  constructor(key: number) {
    this.key = key
    let mixed = Math.imul(key + 1, 0x9e3779b1)
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    this.hash = (mixed ^ (mixed >>> 16)) >>> 1
  }
}

const targets = { gapClosed: 0.33, loopOfOptimum: 0.8 }
const names = Object.keys(evictions) as EvictionName[]
/** Where LRU is that close to the optimum, there is nothing to close. */
const gapMin = 0.01

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const only = values.only?.split(',')
const closed = new Map<EvictionName, number[]>(names.map((name) => [name, []]))
const cells = cellsOf(positionals[0])
console.log(`| trace | room | optimum | ${names.join(' | ')} |\n|---|---|---|${'---|'.repeat(names.length)}`)
for (const { name, read, rooms, isLoop } of cells) {
  if (only && !only.some((part) => name.includes(part))) continue
  const trace = read()
  for (const room of rooms) {
    const best = optimalHits(trace.requests, trace.keys, room) / trace.requests.length
    const ratios = new Map(names.map((policy) => [policy, hitRatio(trace, evictions[policy](room), room)]))
    const shown = names.map((policy) => percent(ratios.get(policy) ?? 0))
    console.log(`| ${name} | ${room} | ${percent(best)} | ${shown.join(' | ')} |`)
    const lru = ratios.get('lru') ?? 0
    const ours = ratios.get('adaptive') ?? 0
    if (isLoop && ours < targets.loopOfOptimum * best)
      missed(`${name} at ${room}: ${percent(ours / best)}% of the optimum`)
    if (best - lru < gapMin) continue
    for (const policy of names) closed.get(policy)?.push(((ratios.get(policy) ?? 0) - lru) / (best - lru))
    if (ours < lru) missed(`${name} at ${room}: below LRU`)
  }
}
for (const [policy, shares] of closed) {
  const average = shares.reduce((sum, share) => sum + share, 0) / shares.length
  console.log(
    `\n${policy}: ${percent(average)}% of the gap closed over ${shares.length} cells, least ${percent(Math.min(...shares))}%`,
  )
  if (policy === 'adaptive' && !only && average < targets.gapClosed) missed(`gap closed: ${percent(average)}%`)
}

/** Every value takes 1, as in the traces' own papers. */
function hitRatio({ requests, keys }: Trace, eviction: Eviction, room: number): number {
  const places: Array<TracePlace | undefined> = new Array(keys).fill(undefined)
  let hits = 0
  for (const key of requests) {
    const place = places[key]
    if (place) {
      hits++
      eviction.touch(place)
      continue
    }
    const added = new TracePlace(key)
    places[key] = added
    eviction.add(added)
    while (eviction.bytes > room) {
      const evicted = eviction.evict() as TracePlace | undefined
      if (evicted) places[evicted.key] = undefined
    }
  }
  return hits / requests.length
}

function percent(share: number): string {
  return (100 * share).toFixed(2)
}

function missed(what: string): void {
  console.log(`MISSED ${what}`)
  process.exitCode = 1
}
