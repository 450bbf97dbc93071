// Jobs of one key, eight processes, one of them killed all the time: each is begun when the one before it is done, also when that
// fails at first or loses its process.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '../../../../src/base/limits.ts'
import { seededRandom } from '../../../../src/base/random.ts'
import { check } from '../history/check.ts'
import type { AskedJob } from '../history/run.ts'
import { Workers } from './processes.ts'
import { startQueueDatabase } from './testing/queue-database.ts'
import type { Task } from './testing/worker-process.ts'

const jobCount = Number(process.env['TENFOLD_FAULT_JOBS'] ?? 500)
const seed = Number(process.env['TENFOLD_FAULT_SEED'] ?? Date.now() % 1_000_000)
const keyCount = 40
const workMs = 40
/** Runs whose process dies in them; on until there are so many. */
const cutShortMin = 5
const jobsMax = 10 * jobCount
const perPublishMax = 20
const killEveryMs = 400
/** Slowly, so that killed ones have something in their hands and nothing piles up. */
const publishEveryMs = jobCount > 10_000 ? 1 : 60
const tellMsMax = 5000
const drainMsMax = 120_000 + jobCount * 10

test('each job of a key waits for the one before it, whoever dies', async (t) => {
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  await using database = await startQueueDatabase()
  const { dir, env, queue } = database
  await using workers = await Workers.start({
    ...{ dir, env },
    names: Array.from({ length: 8 }, (_, index) => `r-worker-${index + 1}`),
    queues: { ordered: { concurrency: 8, leaseMs: 3000, attemptsMax: 1000, backoff: { baseMs: 20, capMs: 100 } } },
  })
  const jobs: AskedJob[] = []
  const end = new AbortController()
  const killing = killAll(workers, end.signal)
  while (jobs.length < jobCount || (cutShort(workers) < cutShortMin && jobs.length < jobsMax)) {
    const some = Array.from({ length: 1 + random.int(perPublishMax) }, (_, i) => {
      const key = `key-${random.int(keyCount)}`
      const payload: Task = { n: jobs.length + i, workMs, failsFirst: random.int(25) === 0 }
      return { key, payload }
    })
    await queue.publishMany('ordered', some)
    await sleep(publishEveryMs)
    jobs.push(...some.map(({ key, payload }): AskedJob => ({ n: payload.n, key, fate: 'published' })))
  }
  await waitUntil(async () => (await database.depthOf('ordered')) === undefined, {
    what: `${jobs.length} jobs done`,
    timeoutMs: drainMsMax,
    intervalMs: 100,
  })
  end.abort()
  await killing
  const { violations, figures } = check({ jobs, runs: workers.runs(), deaths: workers.deaths, troubles: [], tellMsMax })
  t.diagnostic(JSON.stringify({ ...figures, killed: workers.deaths.size, violations: violations.length }))
  assert.deepEqual(violations.slice(0, 8), [], `${violations.length} violations, seed ${seed}`)
  assert.ok(figures.died >= cutShortMin, 'some were cut short by a death')
  assert.ok(figures.failed > 0, 'some failed at first')

  async function killAll(all: Workers, signal: AbortSignal): Promise<void> {
    for (let turn = 1; !signal.aborted; turn++) {
      await sleep(killEveryMs)
      const name = `r-worker-${1 + (turn % 8)}`
      await all.ready(name)
      if (!signal.aborted) all.kill(name)
    }
  }
})

function cutShort(workers: Workers): number {
  return workers.runs().filter(({ process, end }) => end === undefined && workers.deaths.has(process)).length
}
