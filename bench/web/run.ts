// Tenfold's web process against bare Fastify + pg: one handler that reads one row, one process each, the same real
// PostgreSQL, the same pool size, rounds in turns. Run: node -C source bench/web/run.ts [--rounds 7] [--seconds 4] [--profile]

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import pg from 'pg'
import { startTestPostgres, type TestPostgres } from '../../src/programs/postgres/testing.ts'
import { cpuMsOfChildren } from './processor-time.ts'
import { type Server, startPeer, startTenfold } from './servers.ts'

interface Round {
  perSecond: number
  p50Ms: number
  p99Ms: number
  cpuMicroseconds: number
  /** Of PostgreSQL, a request. */
  databaseMicroseconds: number
  failures: number
}

const target = 0.95
const clients = 32
/** Long enough for V8 to have compiled both. */
const warmUpSeconds = 12

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '4' },
    profile: { type: 'boolean', default: false },
  },
})

const dir = await mkdtemp(join(tmpdir(), 'tenfold-bench-'))
const postgres = await startTestPostgres()
const servers: Server[] = []
try {
  servers.push(await startTenfold(postgres, dir)) // its migrations make the peer's table too
  await fill(postgres)
  servers.push(await startPeer(postgres))
  const rounds = new Map(servers.map(({ name }) => [name, [] as Round[]]))
  for (const server of servers) await measure(server, warmUpSeconds)
  for (let round = 0; round < Number(values.rounds); round++) {
    // Who begins changes each time, so that a machine that slows down slows both.
    for (const server of round % 2 === 0 ? servers : servers.toReversed())
      rounds.get(server.name)?.push(await measure(server, Number(values.seconds)))
    process.stderr.write(`round ${round + 1} of ${values.rounds}\r`)
  }
  report(rounds)
} finally {
  for (const server of servers) await server.stop()
  await postgres.stop()
  await rm(dir, { recursive: true, force: true })
}

async function measure(server: Server, seconds: number): Promise<Round> {
  const cpuBefore = server.cpuMs()
  const databaseBefore = cpuMsOfChildren(postgres.pid)
  const load = fileURLToPath(new URL('load.ts', import.meta.url))
  const args = [load, String(server.port), String(clients), String(seconds)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { requests, failures, p50Ms, p99Ms } = JSON.parse(stdout) as Record<string, number> &
    Round & { requests: number }
  const cpuMicroseconds = ((server.cpuMs() - cpuBefore) * 1000) / requests
  const databaseMicroseconds = ((cpuMsOfChildren(postgres.pid) - databaseBefore) * 1000) / requests
  return { perSecond: requests / seconds, p50Ms, p99Ms, cpuMicroseconds, databaseMicroseconds, failures }
}

/** The same rows as the peer's, each in its slot: the parent may be written by the owner only. */
async function fill({ address, port, secrets }: TestPostgres): Promise<void> {
  const owner = new pg.Client({ host: address, port, user: 'owner', password: secrets.owner, database: 'app' })
  await owner.connect()
  await owner.query('insert into notes select * from plain_notes')
  await owner.query('grant select on plain_notes to app')
  await owner.query('analyze')
  await owner.end()
}

function report(rounds: ReadonlyMap<string, Round[]>): void {
  console.log(`${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, PostgreSQL 18, ${clients} clients,`)
  console.log(`${values.rounds} rounds of ${values.seconds} s in turns; medians\n`)
  console.log('| server | requests/s | p50 ms | p99 ms | CPU us/request | database CPU us/request | failures |')
  console.log('|---|---|---|---|---|---|---|')
  const figures = new Map<string, number>()
  for (const [name, its] of rounds) {
    const of = (field: keyof Round) => median(its.map((round) => round[field]))
    figures.set(name, of('perSecond'))
    const failures = its.reduce((sum, round) => sum + round.failures, 0)
    const row = [name, of('perSecond').toFixed(0), of('p50Ms').toFixed(2), of('p99Ms').toFixed(2)]
    console.log(
      `| ${[...row, of('cpuMicroseconds').toFixed(0), of('databaseMicroseconds').toFixed(0), failures].join(' | ')} |`,
    )
  }
  // Each round's own ratio: what slows the machine for a while slows both of its halves.
  const [ours = [], theirs = []] = [...rounds.values()]
  const ratio = median(ours.map((round, i) => round.perSecond / (theirs[i]?.perSecond ?? Number.NaN)))
  const isHeld = ratio >= target
  console.log(
    `\nratio ${ratio.toFixed(3)} (median of the rounds' ratios; target ${target}: ${isHeld ? 'held' : 'missed'})`,
  )
  if (!isHeld) process.exitCode = 1
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}
