// The HTTP engine as a proxy of small answers, beside nginx, HAProxy and the proxies of the Node world: one thread each, the
// same server behind, rounds in turns. Needs wrk and nginx on the path; what else is missing is left out and named.
// Run: node -C source bench/front/run.ts [--rounds 3] [--seconds 3] [--clients 64] [--bytes 1024] [--only nginx,ours]

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { waitUntil } from '../../src/base/limits.ts'
import { cpuMsOf } from '../web/processor-time.ts'
import { answeringNginx, type Command, proxyingHaproxy, proxyingNginx } from './programs.ts'

const targets = { nginx: 0.6, bestOfNode: 2.5 }
const warmUpSeconds = 2
const address = '127.0.0.1'
const ours = 'tenfold http1'
const libraries = ['http-proxy', '@fastify/http-proxy']
const packages = ['http-proxy@1.18.1', '@fastify/http-proxy@11.6.3', 'fastify@5.12.8']
const ofNode = [...libraries, 'node:http + undici']

interface Proxy {
  name: string
  port: number
  process: ChildProcess
}

interface Round {
  perSecond: number
  p99Ms: number
  cpuMicroseconds: number
  failures: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    clients: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '1024' },
    only: { type: 'string' },
  },
})

const dir = await mkdtemp(join(tmpdir(), 'tenfold-bench-front-'))
const running: ChildProcess[] = []
try {
  const serverPort = await freePort()
  await start(await answeringNginx(dir, serverPort, Number(values.bytes)), serverPort)
  const proxies = await startProxies(serverPort)
  const rounds = new Map(proxies.map(({ name }) => [name, [] as Round[]]))
  for (const proxy of proxies) await measure(proxy, warmUpSeconds)
  for (let round = 0; round < Number(values.rounds); round++) {
    // Who begins changes each time, so that a machine that slows down slows all.
    for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed())
      rounds.get(proxy.name)?.push(await measure(proxy, Number(values.seconds)))
    process.stderr.write(`round ${round + 1} of ${values.rounds}\r`)
  }
  report(rounds)
} finally {
  for (const child of running) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  await rm(dir, { recursive: true, force: true })
}

async function startProxies(serverPort: number): Promise<Proxy[]> {
  const folder = await installPackages()
  const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
  const node = (script: string, ...args: string[]): Command => ({
    command: process.execPath,
    args: [file(script), ...args],
  })
  const commands: Record<string, (port: number) => Promise<Command>> = {
    [ours]: async (port) => node('app.ts', String(port), String(serverPort)),
    nginx: (port) => proxyingNginx(dir, port, serverPort),
    HAProxy: (port) => proxyingHaproxy(dir, port, serverPort),
  }
  for (const name of ofNode)
    commands[name] = async (port) => node('peer.ts', name, String(port), String(serverPort), folder)
  const proxies: Proxy[] = []
  for (const [name, commandOf] of Object.entries(commands)) {
    if (values.only && name !== ours && !values.only.split(',').includes(name)) continue
    try {
      const port = await freePort()
      proxies.push({ name, port, process: await start(await commandOf(port), port) })
    } catch (error) {
      console.error(`${name} is left out: ${String(error)}`)
    }
  }
  return proxies
}

/** Peers are no dependencies of ours: they are put into a folder of their own, in the versions that are named above. */
async function installPackages(): Promise<string> {
  const folder = join(tmpdir(), 'tenfold-bench-front-packages')
  await mkdir(folder, { recursive: true })
  const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]
  await promisify(execFile)('npm', args).catch((error) => console.error(`packages are missing: ${String(error)}`))
  return folder
}

async function start({ command, args }: Command, port: number): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  running.push(child)
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${command} ended with ${code}`)))
  const ready = waitUntil(() => fetch(`http://${address}:${port}/`).then(({ ok }) => ok), {
    what: `an answer of ${command}`,
    timeoutMs: 5000,
  })
  await Promise.race([ready, failed])
  failed.catch(() => {})
  return child
}

async function measure({ port, process: { pid = 0 } }: Proxy, seconds: number): Promise<Round> {
  const before = cpuMsOf(pid)
  const args = ['-t1', `-c${values.clients}`, `-d${seconds}`, '--latency', `http://${address}:${port}/`]
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
    cpuMicroseconds: ((cpuMsOf(pid) - before) * 1000) / requests,
    failures,
  }
}

function report(rounds: ReadonlyMap<string, Round[]>): void {
  console.log(
    `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${values.clients} kept connections, answers`,
  )
  console.log(`of ${values.bytes} bytes, ${values.rounds} rounds of ${values.seconds} s in turns; medians\n`)
  console.log('| proxy | requests/s | p99 ms | CPU us/request | failures |')
  console.log('|---|---|---|---|---|')
  for (const [name, its] of rounds) {
    const of = (field: keyof Round) => median(its.map((round) => round[field]))
    const failures = its.reduce((sum, round) => sum + round.failures, 0)
    const cells = [name, of('perSecond').toFixed(0), of('p99Ms').toFixed(2), of('cpuMicroseconds').toFixed(1), failures]
    console.log(`| ${cells.join(' | ')} |`)
  }
  console.log('\nratios to tenfold http1 (medians of the rounds’ own): requests/s, and CPU of the peer over ours')
  for (const name of rounds.keys()) {
    const ratio = ratios(rounds, name)
    if (name !== ours && ratio) console.log(`- ${name}: ${ratio.perSecond.toFixed(2)}, ${ratio.cpu.toFixed(2)}`)
  }
  const nginx = ratios(rounds, 'nginx')
  const best = libraries.map((name) => ratios(rounds, name)).filter((ratio) => ratio !== undefined)
  // By what went through and by what it cost, whichever says less for us.
  const lower = ({ perSecond, cpu }: { perSecond: number; cpu: number }) => Math.min(perSecond, cpu)
  if (nginx) say('0.6 of nginx', lower(nginx), targets.nginx)
  if (best.length > 0) say('2.5 x the best library of Node', Math.min(...best.map(lower)), targets.bestOfNode)
}

function say(what: string, ratio: number, target: number): void {
  console.log(`${what}: ${ratio.toFixed(2)}, ${ratio >= target ? 'held' : 'missed'}`)
  if (ratio < target) process.exitCode = 1
}

/** Each round's own ratio: what slows the machine for a while slows both of its halves. */
function ratios(rounds: ReadonlyMap<string, Round[]>, name: string): { perSecond: number; cpu: number } | undefined {
  const [own, theirs] = [rounds.get(ours), rounds.get(name)]
  if (!own || !theirs) return undefined
  return {
    perSecond: median(own.map((round, i) => round.perSecond / (theirs[i]?.perSecond ?? Number.NaN))),
    cpu: median(own.map((round, i) => (theirs[i]?.cpuMicroseconds ?? Number.NaN) / round.cpuMicroseconds)),
  }
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
