// Peers are no dependencies of ours: they are put into a folder of their own, in the versions that are named here, and run in
// processes of their own, so that none teaches the compiler its shapes or shares another's heap.

import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const packages = [
  'lru-cache@11.5.3',
  'redis@6.3.1',
  'ioredis@5.11.1',
  'bentocache@1.6.1',
  'cacheable@2.5.0',
  '@epic-web/cachified@5.6.3',
]

/** Where they are. */
export async function installPeers(): Promise<string> {
  const prefix = join(tmpdir(), 'tenfold-bench-cache-packages')
  await mkdir(prefix, { recursive: true })
  const args = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]
  await run('npm', args)
  return prefix
}

// biome-ignore lint/suspicious/noExplicitAny: a peer is not installed where types are looked for.
export async function loadPeer(folder: string, name: string): Promise<any> {
  const loaded = await import(pathToFileURL(createRequire(join(folder, 'index.js')).resolve(name)).href)
  return { ...loaded.default, ...loaded }
}

/** What the script says in its process, one line of JSON. */
export async function measure<T>(script: string, ...args: string[]): Promise<T> {
  const path = new URL(script, import.meta.url).pathname
  const { stdout } = await run(process.execPath, ['-C', 'source', path, ...args])
  return JSON.parse(stdout)
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

/** The median of the rounds' own ratios: what ran side by side is compared. */
export function ratio<T>(ours: readonly T[], theirs: readonly T[], of: (round: T) => number): number {
  return median(ours.map((round, i) => of(round) / of(theirs[i] as T)))
}

/** A target of 0 is none. */
export function judge(what: string, ratio: number, target = 0): void {
  const verdict = target === 0 ? '' : `, target ${target}: ${ratio >= target ? 'met' : 'MISSED'}`
  console.log(`${ratio.toFixed(2)} ${what}${verdict}`)
  if (ratio < target) process.exitCode = 1
}

/** Seconds of processor time of this process. */
export function processorSeconds(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

export function machine(): string {
  return `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)}`
}
