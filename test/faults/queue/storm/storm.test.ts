// One system with everything that a queue stands on: workers are killed every second, and once each the broker that leads the jobs,
// the primary of the database while the brokers choose another leader, and the supervisor. Every acknowledged job is done, none of a
// transaction that was rolled back is, what comes again is excused, a side effect with a key counts once, jobs of a key keep their
// order, nothing is left or dead, and the clock's ticks come once each.
// TENFOLD_FAULT_JOBS=100000 for the record (19 min on two cores), by `node -C source --test`, since `npm test` gives a test five
// minutes; TENFOLD_FAULT_WORKERS: more of them than four; TENFOLD_FAULT_RUNG=4: with jobs in the database alone.

import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../../src/base/clock.ts'
import { waitUntil } from '../../../../src/base/limits.ts'
import { seededRandom } from '../../../../src/base/random.ts'
import { RunningSystem } from '../../../running-system.ts'
import { waitWhole } from '../../database/replicated-system.ts'
import { showSupervisorLogOfFailures } from '../../database/supervisor-log.ts'
import { check, type Trouble } from '../history/check.ts'
import { type AskedJob, nowMs, runsOf } from '../history/run.ts'
import type { Sum } from './app/effects.ts'
import { publishAll } from './publishers.ts'
import { killBroker, killPrimary, killSupervisor, killWorkers } from './strikes.ts'

const jobsMin = Number(process.env['TENFOLD_FAULT_JOBS'] ?? 1000)
const seed = Number(process.env['TENFOLD_FAULT_SEED'] ?? Date.now() % 1_000_000)
const calmMs = 1000
/** Workers, and processes for suspects of theirs. */
const deathsMin = 5
const deathsMsMax = 120_000
const isRecord = jobsMin > 10_000
/** Workers are killed until all are published and so many done: what a killed one had in its hands comes again after its lease. */
const stormyPart = isRecord ? 0.95 : 0
const drainMsMax = 120_000 + jobsMin * 10
/** Of a lane that has its part of few jobs: so that they come all the time. */
const pauseMs = isRecord ? 5 : 400
const tellMsMax = 5000
const shownMax = 8

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up(join(import.meta.dirname, 'app'))
  await waitWhole(system)
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('workers, the primary, a broker and the supervisor are killed, and every job is done', async (t) => {
  t.diagnostic(`seed ${seed}`)
  const startMs = nowMs()
  const tell = (what: string) => t.diagnostic(`${((nowMs() - startMs) / 1000).toFixed(1)} s: ${what}`)
  const deaths = new Map<string, number>()
  const troubles: Trouble[] = []
  const end = new AbortController()
  let isOver = false
  let up: AsyncDisposable | undefined
  const killing = killWorkers(system, { random: seededRandom(seed), deaths, signal: end.signal })
  let failedOverMs = 0
  const strikeBroker = async () => {
    const trouble = await killBroker(system)
    if (trouble) troubles.push(trouble)
    tell(trouble ? 'the broker is back' : 'there is no broker')
  }
  const strikePrimary = async () => {
    troubles.push(await killPrimary(system))
    failedOverMs = nowMs()
    tell('there is another primary')
  }
  const strike = async () => {
    await systemClock.sleep(calmMs)
    // While the brokers choose who leads.
    await Promise.all([strikeBroker(), systemClock.sleep(calmMs).then(strikePrimary)])
    await systemClock.sleep(calmMs)
    up = await killSupervisor(system)
    tell('there is another supervisor')
    await waitUntil(() => deaths.size >= deathsMin, { what: `${deathsMin} killed`, timeoutMs: deathsMsMax })
    await systemClock.sleep(calmMs)
    isOver = true
  }
  const options = { baseUrl: system.appUrl, seed, jobsMin, pauseMs, isOver: () => isOver, signal: end.signal }
  let jobs: AskedJob[]
  let trouble: unknown
  let rest: unknown[] = []
  try {
    ;[jobs] = await Promise.all([publishAll(options), strike()])
    tell('all published')
    const published = count(jobs, 'published')
    const within = { what: `${published} jobs done`, timeoutMs: drainMsMax, intervalMs: 200 }
    // What is lost or left is told of by the checks below.
    const drain = async () => {
      await waitUntil(async () => (await sum('once')) >= published * stormyPart, within)
      end.abort()
      const isDone = async () => {
        rest = await left()
        return rest.length === 0 && (await sum('once')) >= published
      }
      await waitUntil(isDone, within)
    }
    trouble = await drain().catch((error: unknown) => error)
    tell(trouble === undefined ? 'all done' : `not all done: ${trouble}`)
  } finally {
    end.abort()
    await killing
    await up?.[Symbol.asyncDispose]()
  }
  const runs = runsOf(globSync(join(system.dir, 'runs-work-*')))
  const { violations, figures } = check({ jobs, runs, deaths, troubles, tellMsMax })
  const fates = { published: count(jobs, 'published'), unknown: count(jobs, 'unknown') }
  t.diagnostic(JSON.stringify({ ...figures, ...fates, killed: deaths.size, violations: violations.length }))
  assert.deepEqual(violations.slice(0, shownMax), [], `${violations.length} violations, seed ${seed}`)
  assert.equal(trouble, undefined, `left in the queue, or dead: ${JSON.stringify(rest)}`)
  const done = new Set(runs.filter(({ end: ended }) => ended?.how === 'done').map(({ n }) => n)).size
  assert.deepEqual([await sum('once'), await sum('counter')], [done, done], 'what is done once by a key counts once')
  assertTicks(failedOverMs)
})

function count(jobs: readonly AskedJob[], fate: AskedJob['fate']): number {
  return jobs.filter((job) => job.fate === fate).length
}

async function sum(what: 'once' | 'counter'): Promise<number> {
  const sums = (await (await fetch(`${system.appUrl}/sums`)).json()) as Sum[]
  return sums.reduce((all, each) => all + each[what], 0)
}

/** Jobs that wait, are worked on, or were given up. Ticks go on. */
async function left(): Promise<unknown[]> {
  const { queues, trouble } = await (await system.client()).queue()
  assert.equal(trouble, null)
  return queues.filter(({ queue, waiting, delayed, leased, dead }) => {
    return queue === 'work' ? waiting + delayed + leased + dead > 0 : dead > 0
  })
}

/** Nobody knows for which seconds nothing was there that could tick; but none ticks twice, and the failover is no end of it. */
function assertTicks(failedOverMs: number): void {
  const runs = runsOf(globSync(join(system.dir, 'runs-tick-*')))
  const firsts = runs.filter(({ attempt }) => attempt === 1).map(({ n }) => n)
  const twice = firsts.filter((second, i) => firsts.indexOf(second) !== i)
  assert.deepEqual(twice, [], 'seconds for which more than one job was published')
  assert.ok(
    runs.some(({ fromMs }) => fromMs > failedOverMs),
    'ticks after the failover',
  )
  assert.ok(
    runs.some(({ fromMs }) => fromMs < failedOverMs),
    'ticks before it',
  )
}
