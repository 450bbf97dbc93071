// What the comparisons of this folder stand on: proxies started and awaited, wrk against one of them, processor time, ratios.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { waitUntil } from '../../src/base/limits.ts'
import { cpuMsOf, cpuMsOfChildren } from '../web/processor-time.ts'
import type { Command } from './programs.ts'

export const address = '127.0.0.1'
export const ours = 'tenfold'
const warmUpSeconds = 2
const startTimeoutMs = 5000

export interface Proxy {
  name: string
  port: number
  process: ChildProcess
}

export interface Round {
  perSecond: number
  p99Ms: number
  cpuMicroseconds: number
  failures: number
}

export type Rounds = ReadonlyMap<string, Round[]>

/** One run: what it started is stopped, and its folder gone, when it ends. */
export class Bench implements AsyncDisposable {
  readonly dir: string
  readonly #running: ChildProcess[] = []

  private constructor(dir: string) {
    this.dir = dir
  }

  static async open(): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), 'tenfold-bench-front-')))
  }

  /** Resolves when it answers. @throws when it ends before that. */
  async start({ command, args }: Command, port: number): Promise<ChildProcess> {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    this.#running.push(child)
    const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${command} ended with ${code}`)))
    const ready = waitUntil(() => fetch(`http://${address}:${port}/`).then(({ ok }) => ok), {
      what: `an answer of ${command}`,
      timeoutMs: startTimeoutMs,
    })
    await Promise.race([ready, failed])
    failed.catch(() => {})
    return child
  }

  /** Each on a port of its own. One that cannot be had is named and left out. */
  async startAll(commands: Record<string, (port: number) => Promise<Command>>, only?: string): Promise<Proxy[]> {
    const proxies: Proxy[] = []
    for (const [name, commandOf] of Object.entries(commands)) {
      if (only && name !== ours && !only.split(',').includes(name)) continue
      try {
        const port = await freePort()
        proxies.push({ name, port, process: await this.start(await commandOf(port), port) })
      } catch (error) {
        console.error(`${name} is left out: ${String(error)}`)
      }
    }
    return proxies
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** Rounds in turns: who begins changes each time, so that a machine that slows down slows all. */
export async function inTurns(
  proxies: readonly Proxy[],
  { rounds, measure }: { rounds: number; measure: (proxy: Proxy, seconds?: number) => Promise<Round> },
): Promise<Rounds> {
  const measured = new Map(proxies.map(({ name }) => [name, [] as Round[]]))
  for (const proxy of proxies) await measure(proxy, warmUpSeconds)
  for (let round = 0; round < rounds; round++) {
    for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed())
      measured.get(proxy.name)?.push(await measure(proxy))
    process.stderr.write(`round ${round + 1} of ${rounds}\r`)
  }
  return measured
}

/** As much as goes through: a closed loop of `wrk`. */
export async function wrk(
  { port, process: { pid = 0 } }: Proxy,
  { seconds, clients }: { seconds: number; clients: number },
): Promise<Round> {
  const before = cpuMsOfAll(pid)
  const args = ['-t1', `-c${clients}`, `-d${seconds}`, '--latency', `http://${address}:${port}/`]
  const { stdout } = await promisify(execFile)('wrk', args)
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0)
  const [, p99 = '0', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? []
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? []
  const failures = [...errors, /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0].reduce<number>(
    (sum, count) => sum + Number(count),
    0,
  )
  return {
    perSecond: requests / seconds,
    p99Ms: Number(p99) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? 1),
    cpuMicroseconds: ((cpuMsOfAll(pid) - before) * 1000) / requests,
    failures,
  }
}

/** Requests at a rate that does not wait for answers: an open loop of `h2load`, and so what a user would wait. */
export async function atRate(
  { port, process: { pid = 0 } }: Proxy,
  { perSecond, seconds, clients, dir }: { perSecond: number; seconds: number; clients: number; dir: string },
): Promise<Round> {
  const log = join(dir, 'h2load.tsv')
  await rm(log, { force: true })
  const before = cpuMsOfAll(pid)
  const rate = [`--rps=${Math.max(1, Math.round(perSecond / clients))}`, `--duration=${seconds}`, `--log-file=${log}`]
  await promisify(execFile)('h2load', ['--h1', '-t1', `-c${clients}`, ...rate, `http://${address}:${port}/`])
  const cpuMs = cpuMsOfAll(pid) - before
  // Lines of: start in us since the epoch, status, duration in us.
  const lines = (await readFile(log, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number))
  const sorted = lines.map(([, , us = 0]) => us / 1000).toSorted((a, b) => a - b)
  return {
    perSecond: lines.length / seconds,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    cpuMicroseconds: (cpuMs * 1000) / lines.length,
    failures: lines.filter(([, status = 0]) => status < 200 || status >= 400).length,
  }
}

function cpuMsOfAll(pid: number): number {
  return cpuMsOf(pid) + cpuMsOfChildren(pid)
}

export function printTable(rounds: Rounds): void {
  console.log('| | requests/s | p99 ms | CPU us/request | failures |')
  console.log('|---|---|---|---|---|')
  for (const [name, its] of rounds) {
    const of = (field: keyof Round) => median(its.map((round) => round[field]))
    const failures = its.reduce((sum, round) => sum + round.failures, 0)
    const cells = [name, of('perSecond').toFixed(0), of('p99Ms').toFixed(2), of('cpuMicroseconds').toFixed(1), failures]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

export function printMachine(what: string): void {
  const load = loadavg()[0]?.toFixed(1)
  console.log(`${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, load average ${load} before; ${what}\n`)
}

/** How a ratio stands to its target; a miss shows in the exit code. */
export function say(what: string, ratio: number, target: number, isHeld = ratio >= target): void {
  console.log(`${what}: ${ratio.toFixed(2)}, ${isHeld ? 'held' : 'missed'} (${target})`)
  if (!isHeld) process.exitCode = 1
}

export interface Ratio {
  perSecond: number
  cpu: number
  p99: number
}

/** Ours over theirs, each round's own: what slows the machine for a while slows both of its halves. */
export function ratioTo(rounds: Rounds, name: string): Ratio | undefined {
  const [own, theirs] = [rounds.get(ours), rounds.get(name)]
  if (!own || !theirs) return undefined
  const of = (ratio: (own: Round, their: Round) => number) =>
    median(own.flatMap((round, i) => (theirs[i] ? ratio(round, theirs[i]) : [])))
  return {
    perSecond: of((round, their) => round.perSecond / their.perSecond),
    cpu: of((round, their) => their.cpuMicroseconds / round.cpuMicroseconds),
    p99: of((round, their) => round.p99Ms / their.p99Ms),
  }
}

/** By what went through and by what it cost, whichever says less for us. */
export function lower({ perSecond, cpu }: Ratio): number {
  return Math.min(perSecond, cpu)
}

export function printRatios(rounds: Rounds): void {
  console.log(
    '\nratios of tenfold to the others (medians of the rounds’ own): requests/s, and CPU of the peer over ours',
  )
  for (const name of rounds.keys()) {
    const ratio = ratioTo(rounds, name)
    if (name !== ours && ratio) console.log(`- ${name}: ${ratio.perSecond.toFixed(2)}, ${ratio.cpu.toFixed(2)}`)
  }
}

export function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

export function file(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

export function node(script: string, ...args: string[]): Command {
  return { command: process.execPath, args: ['-C', 'source', file(script), ...args] }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
