// Reads of one row by its key, side by side on the same real servers: pg straight to the primary, Tenfold's router with
// and without replicas, pg through PgBouncer. Closed loops, one load process for each way, rounds in turns.
// Run: node -C source bench/router/run.ts [--clients 16,32] [--rounds 9] [--seconds 2.5] [--only pg,tenfold] [--profile]

import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { testDir } from '../../src/programs/postgres/testing.ts'
import { type LoadProcess, startLoad } from './load-process.ts'
import { type PgBouncer, startPgBouncer } from './pgbouncer.ts'
import { processorTimes } from './processor-times.ts'
import { judge, printReport, type Round } from './report.ts'
import { type Servers, startServers } from './servers.ts'
import { isWay, poolMax, type Way, ways } from './ways.ts'

/** Long enough for V8 to have compiled what runs, and for every connection to have all of its prepared statements. */
const warmUpSeconds = 5

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '16,32' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2.5' },
    only: { type: 'string', default: ways.join(',') },
    profile: { type: 'boolean', default: false },
  },
})
const chosen = values.only.split(',').filter(isWay)
const seconds = Number(values.seconds)

const dir = await testDir()
let servers: Servers | undefined
let pgBouncer: PgBouncer | undefined
const loads = new Map<Way, LoadProcess>()
try {
  await Promise.race([measureAndReport(), interrupted()])
} finally {
  for (const load of loads.values()) await load.stop()
  await pgBouncer?.stop()
  await servers?.stop()
  await rm(dir, { recursive: true, force: true })
}

async function measureAndReport(): Promise<void> {
  servers = await startServers(dir)
  if (chosen.includes('pgbouncer')) pgBouncer = await startPgBouncer(dir, servers.primary, poolMax)
  const addresses = { ...servers.addresses, pgBouncerPort: pgBouncer?.port }
  for (const way of chosen) loads.set(way, await startLoad(way, addresses))
  for (const clients of values.clients.split(',').map(Number)) {
    const rounds = await measureAll(clients)
    printReport(rounds, { clients, seconds })
    if (!judge(rounds)) process.exitCode = 1
    if (values.profile) await profileAll(clients)
  }
}

/** Whoever ends the run by a signal gets everything stopped that it started. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => reject(new Error(`ended by ${signal}`)))
  })
}

async function measureAll(clients: number): Promise<ReadonlyMap<Way, Round[]>> {
  const rounds = new Map<Way, Round[]>(chosen.map((way) => [way, []]))
  for (const way of chosen) await measure(way, clients, Math.max(seconds, warmUpSeconds))
  for (let round = 0; round < Number(values.rounds); round++) {
    // Who begins changes each time, so that what slows the machine for a while slows them all.
    const first = round % chosen.length
    for (const way of [...chosen.slice(first), ...chosen.slice(0, first)])
      rounds.get(way)?.push(await measure(way, clients, seconds))
    process.stderr.write(`${clients} clients, round ${round + 1} of ${values.rounds}\r`)
  }
  return rounds
}

/** After the rounds: a profiler slows what it looks at. */
async function profileAll(clients: number): Promise<void> {
  const profileDir = join(tmpdir(), 'tenfold-bench-router')
  await mkdir(profileDir, { recursive: true })
  for (const [way, load] of loads)
    await load.run({ clients, seconds, profileFile: join(profileDir, `${way}-${clients}.cpuprofile`) })
  console.log(`profiles are in ${profileDir}`)
}

async function measure(way: Way, clients: number, forSeconds: number): Promise<Round> {
  const load = loads.get(way) as LoadProcess
  const parts = { load: load.pid, pgBouncer: pgBouncer?.pid, ...(servers as Servers) }
  const before = processorTimes(parts)
  const outcome = await load.run({ clients, seconds: forSeconds })
  const after = processorTimes(parts)
  const perRead = (part: keyof typeof before) => ((after[part] - before[part]) * 1000) / outcome.reads
  return {
    ...outcome,
    perSecond: outcome.reads / outcome.tookSeconds,
    processor: {
      load: perRead('load'),
      pgBouncer: perRead('pgBouncer'),
      primary: perRead('primary'),
      replicas: perRead('replicas'),
    },
  }
}
