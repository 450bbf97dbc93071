// Workers are killed every second, the primary once, the supervisor once. Every job is done, none is lost, what comes again is
// excused, a side effect with a key counts once, jobs of a key keep their order, and the clock's ticks come once each.
// TENFOLD_FAULT_JOBS=100000 TENFOLD_FAULT_WORKERS=8 for the record.

import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../../src/base/clock.ts'
import { waitUntil } from '../../../../src/base/limits.ts'
import { seededRandom } from '../../../../src/base/random.ts'
import { RunningSystem } from '../../../running-system.ts'
import { primaryOf, waitWhole } from '../../database/replicated-system.ts'
import { signalServer } from '../../database/server-processes.ts'
import { showSupervisorLogOfFailures } from '../../database/supervisor-log.ts'
import { check, type Trouble } from '../history/check.ts'
import { type AskedJob, nowMs, runsOf } from '../history/run.ts'
import type { Sum } from './app/effects.ts'
import { publishAll } from './publishers.ts'

const jobsMin = Number(process.env['TENFOLD_FAULT_JOBS'] ?? 1200)
const seed = Number(process.env['TENFOLD_FAULT_SEED'] ?? Date.now() % 1_000_000)
const killEveryMs = 1000
const workersLeftMin = 2
const calmMs = 1500
const failoverMsMax = 60_000
const drainMsMax = 120_000 + jobsMin * 10
/** Of a lane that has its part of few jobs: so that they come all the time. */
const pauseMs = jobsMin > 10_000 ? 5 : 300
/** After a failover, until outcomes that could not be told have been, or their leases have ended (the app's is 10 s). */
const troubleMs = 12_000
const tellMsMax = 5000
const shownMax = 8

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up(join(import.meta.dirname, 'app'))
  await waitWhole(system)
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('workers, the primary and the supervisor are killed, and every job is done', async (t) => {
  t.diagnostic(`seed ${seed}`)
  const deaths = new Map<string, number>()
  const troubles: Trouble[] = []
  const end = new AbortController()
  let isOver = false
  let up: AsyncDisposable | undefined
  const killing = killWorkers(deaths, end.signal)
  const strike = async () => {
    await systemClock.sleep(calmMs)
    troubles.push(await replacePrimary())
    tell('there is another primary')
    await systemClock.sleep(calmMs)
    up = await killSupervisor()
    tell('there is another supervisor')
    await systemClock.sleep(calmMs)
    isOver = true
  }
  const startMs = nowMs()
  const tell = (what: string) => t.diagnostic(`${((nowMs() - startMs) / 1000).toFixed(1)} s: ${what}`)
  let jobs: AskedJob[]
  let published = 0
  try {
    const publishing = publishAll({
      baseUrl: system.appUrl,
      seed,
      jobsMin,
      pauseMs,
      isOver: () => isOver,
      signal: end.signal,
    })
    ;[jobs] = await Promise.all([publishing, strike()])
    tell('all published')
    published = jobs.filter(({ fate }) => fate === 'published').length
    const done = async () => (await sums()).reduce((sum, { once }) => sum + once, 0)
    await waitUntil(async () => (await done()) >= published, {
      what: `${published} jobs done`,
      timeoutMs: drainMsMax,
      intervalMs: 200,
    })
    tell('all done')
  } finally {
    end.abort()
    await killing
    await up?.[Symbol.asyncDispose]()
  }
  await waitWhole(system)
  const counted = await sums()
  const runs = runsOf(globSync(join(system.dir, 'runs-work-*')))
  const { violations, figures } = check({ jobs, runs, deaths, troubles, tellMsMax })
  t.diagnostic(JSON.stringify({ ...figures, published, killed: deaths.size, violations: violations.length }))
  assert.deepEqual(violations.slice(0, shownMax), [], `${violations.length} violations, seed ${seed}`)
  assert.ok(deaths.size >= 3, `only ${deaths.size} workers were killed`)
  assert.equal(
    counted.reduce((sum, { counter }) => sum + counter, 0),
    published,
    'what is done once by a key is counted once',
  )
  assertTicks(troubles)
})

/** One every second, while most are there: where a start takes longer than that, nothing else would ever be done. */
async function killWorkers(deaths: Map<string, number>, signal: AbortSignal): Promise<void> {
  const random = seededRandom(seed)
  while (!signal.aborted) {
    await systemClock.sleep(killEveryMs, signal)
    const status = await system.status().catch(() => undefined) // the supervisor is being killed, too
    const ready = (status?.nodes ?? []).filter(({ role, state }) => role === 'worker' && state === 'ready')
    const pid = ready.length > workersLeftMin && random.pick(ready).pid
    if (!pid || signal.aborted || deaths.has(String(pid))) continue
    const atMs = nowMs()
    // Its process for suspects goes with it.
    for (const killed of signalServer(pid, 'SIGKILL', 'all')) deaths.set(String(killed), atMs)
  }
}

async function replacePrimary(): Promise<Trouble> {
  const { id, pid } = primaryOf(await system.status())
  const fromMs = nowMs()
  signalServer(pid, 'SIGKILL', 'all')
  await system.waitStatus(
    `a primary in the place of ${id}`,
    ({ shards, nodes }) => {
      const primary = shards[0]?.primary
      return primary !== id && nodes.some((node) => node.id === primary && node.state === 'ready')
    },
    failoverMsMax,
  )
  return { fromMs, toMs: nowMs() + troubleMs }
}

/** Answers the command that began the next one: it waits until everything serves, which may be when nobody is killed any more. */
async function killSupervisor(): Promise<AsyncDisposable> {
  const { supervisor } = await system.status()
  assert.ok(supervisor)
  process.kill(supervisor.pid, 'SIGKILL')
  await systemClock.sleep(killEveryMs)
  const up = system.tryTenfold('up', '--detach')
  await system.waitStatus('another supervisor', (now) => now.supervisor?.pid !== supervisor.pid, failoverMsMax)
  return { [Symbol.asyncDispose]: async () => void (await up) }
}

async function sums(): Promise<Sum[]> {
  return (await (await fetch(`${system.appUrl}/sums`)).json()) as Sum[]
}

/** Nobody knows for which seconds nothing was there that could tick; but none ticks twice, and the failover is no end of it. */
function assertTicks(troubles: readonly Trouble[]): void {
  const runs = runsOf(globSync(join(system.dir, 'runs-tick-*')))
  const firsts = runs.filter(({ attempt }) => attempt === 1).map(({ n }) => n)
  const twice = firsts.filter((second, i) => firsts.indexOf(second) !== i)
  assert.deepEqual(twice, [], 'seconds for which more than one job was published')
  const failoverMs = Math.max(...troubles.map(({ toMs }) => toMs - troubleMs))
  assert.ok(
    runs.some(({ fromMs }) => fromMs > failoverMs),
    'ticks after the failover',
  )
  assert.ok(
    runs.some(({ fromMs }) => fromMs < failoverMs),
    'ticks before it',
  )
}
