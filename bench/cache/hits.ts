// A hit in the process, of ours and of the caches of the Node world, and a set: at once beside a bare lru-cache, awaited beside
// bentocache, cacheable and cachified. Each in a process of its own, rounds in turns, operations per second of processor
// time. Exit code 1 when a target is missed. Run: node -C source bench/cache/hits.ts [--rounds 5]

import { parseArgs } from 'node:util'
import { installPeers, judge, machine, measure, median, ratio } from './peers.ts'

const targets = { syncOfLruCache: 0.7, awaitedOfLibraries: 20 }
const ours = 'tenfold'
const libraries = ['bentocache', 'cacheable', 'cachified']
const bytewise = 'lru-cache in bytes'

interface Round {
  sync?: number
  awaited: number
  set?: number
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const folder = await installPeers()
const rounds = new Map<string, Round[]>()
for (let i = 0; i < Number(values.rounds); i++)
  for (const name of [ours, 'lru-cache', bytewise, ...libraries]) {
    const round = await measure<Round>('hits-peer.ts', name, folder)
    rounds.set(name, [...(rounds.get(name) ?? []), round])
  }

console.log(machine())
console.log('\n| cache | at once, M/s | awaited, M/s | set, M/s |\n|---|---|---|---|')
for (const [name, of] of rounds) {
  const sync = of[0]?.sync ? millions(median(of.map((round) => round.sync ?? 0))) : '-'
  const set = of[0]?.set ? millions(median(of.map((round) => round.set ?? 0))) : '-'
  console.log(`| ${name} | ${sync} | ${millions(median(of.map((round) => round.awaited)))} | ${set} |`)
}
console.log()
const sync = ratioTo('lru-cache', (round) => round.sync ?? 0)
judge('at once, of a bare lru-cache', sync, targets.syncOfLruCache)
for (const name of ['lru-cache', bytewise])
  judge(
    `set, of ${name}`,
    ratioTo(name, (round) => round.set ?? 0),
  )
for (const name of libraries) {
  const awaited = ratioTo(name, (round) => round.awaited)
  judge(`awaited, times ${name}`, awaited, name === 'cachified' ? 0 : targets.awaitedOfLibraries)
}

function ratioTo(name: string, of: (round: Round) => number): number {
  return ratio(rounds.get(ours) ?? [], rounds.get(name) ?? [], of)
}

function millions(perSecond: number): string {
  return (perSecond / 1e6).toFixed(perSecond < 1e6 ? 3 : 1)
}
