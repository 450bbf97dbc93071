// A hit in the process, of ours and of the caches of the Node world: at once beside a bare lru-cache, awaited beside
// bentocache, cacheable and cachified. Each in a process of its own, rounds in turns, operations per second of processor
// time. Exit code 1 when a target is missed. Run: node -C source bench/cache/hits.ts [--rounds 5]

import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'

const targets = { syncOfLruCache: 0.7, awaitedOfLibraries: 20 }
const ours = 'tenfold'
const libraries = ['bentocache', 'cacheable', 'cachified']
const packages = ['lru-cache@11.5.3', 'bentocache@1.6.1', 'cacheable@2.5.0', '@epic-web/cachified@5.6.3']
const run = promisify(execFile)

interface Round {
  sync?: number
  awaited: number
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const folder = await installPackages()
const rounds = new Map<string, Round[]>()
for (let i = 0; i < Number(values.rounds); i++)
  for (const name of [ours, 'lru-cache', ...libraries]) {
    const script = new URL('hits-peer.ts', import.meta.url).pathname
    const { stdout } = await run(process.execPath, ['-C', 'source', script, name, folder])
    rounds.set(name, [...(rounds.get(name) ?? []), JSON.parse(stdout)])
  }

console.log(
  `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)}`,
)
console.log('\n| cache | at once, M/s | awaited, M/s |\n|---|---|---|')
for (const [name, of] of rounds) {
  const sync = of[0]?.sync ? millions(median(of.map((round) => round.sync ?? 0))) : '-'
  console.log(`| ${name} | ${sync} | ${millions(median(of.map((round) => round.awaited)))} |`)
}
console.log()
say(
  'at once, of a bare lru-cache',
  ratioTo('lru-cache', (round) => round.sync ?? 0),
  targets.syncOfLruCache,
)
for (const name of libraries)
  say(
    `awaited, times ${name}`,
    ratioTo(name, (round) => round.awaited),
    name === 'cachified' ? 0 : targets.awaitedOfLibraries,
  )

/** The median of the rounds' own ratios: what ran side by side is compared. */
function ratioTo(name: string, of: (round: Round) => number): number {
  const theirs = rounds.get(name) ?? []
  return median((rounds.get(ours) ?? []).map((round, i) => of(round) / of(theirs[i] as Round)))
}

function say(what: string, ratio: number, target: number): void {
  const verdict = target === 0 ? '' : `, target ${target}: ${ratio >= target ? 'met' : 'MISSED'}`
  console.log(`${ratio.toFixed(2)} ${what}${verdict}`)
  if (ratio < target) process.exitCode = 1
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

function millions(perSecond: number): string {
  return (perSecond / 1e6).toFixed(perSecond < 1e6 ? 3 : 1)
}

/** Peers are no dependencies of ours: they are put into a folder of their own, in the versions that are named above. */
async function installPackages(): Promise<string> {
  const prefix = join(tmpdir(), 'tenfold-bench-cache-packages')
  await mkdir(prefix, { recursive: true })
  const args = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]
  await run('npm', args)
  return prefix
}
