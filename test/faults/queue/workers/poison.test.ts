// Jobs that kill whatever they run in: each takes one worker down, once. Then it runs in a process beside, where it kills nobody
// else, and is dead after its attempts; all other jobs are done.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../../../src/base/limits.ts'
import { check } from '../history/check.ts'
import type { AskedJob, Run } from '../history/run.ts'
import { Workers } from './processes.ts'
import { misdeeds } from './testing/misdeeds.ts'
import { startQueueDatabase } from './testing/queue-database.ts'
import type { Task } from './testing/worker-process.ts'

const jobCount = 150
const everyNth = 30
const silentMsMax = 2500
const timeoutMs = 120_000

test('a poison job takes no worker down twice, and the others are done', async (t) => {
  await using database = await startQueueDatabase()
  const { dir, env, queue } = database
  await using workers = await Workers.start({
    ...{ dir, env, silentMsMax },
    names: ['worker-1', 'worker-2'],
    queues: { mixed: { concurrency: 4, leaseMs: 2000, attemptsMax: 3, backoff: { baseMs: 20, capMs: 100 } } },
    hasQuarantine: true,
  })
  const poison = new Map(misdeeds.map((misdeed, index) => [(index + 1) * everyNth, misdeed]))
  const tasks = Array.from({ length: jobCount }, (_, n): Task => {
    const misdeed = poison.get(n)
    return { n, workMs: 10, ...(misdeed && { misdeed }) }
  })
  await queue.publishMany(
    'mixed',
    tasks.map((payload) => ({ payload })),
  )
  const depth = await waitUntil(
    async () => {
      const now = await database.depthOf('mixed')
      return now && now.waiting + now.delayed + now.leased === 0 && now
    },
    { what: 'nothing waiting', timeoutMs, intervalMs: 100 },
  )
  assert.equal(depth.dead, misdeeds.length)

  const runs = workers.runs()
  const isBeside = ({ process }: Run) => process.includes('quarantine')
  for (const [n, misdeed] of poison) {
    const its = runs.filter((run) => run.n === n)
    const inWorkers = its.filter((run) => !isBeside(run)).length
    t.diagnostic(`${misdeed}: ${its.length} runs, ${inWorkers} of them in a worker`)
    assert.ok(inWorkers <= 1, `${misdeed} took ${inWorkers} workers down`)
    assert.ok(its.every(({ end }) => end === undefined))
  }
  assert.ok(workers.deaths.size >= 1, 'a worker went down')
  const jobs = tasks
    .filter(({ n }) => !poison.has(n))
    .map(({ n }): AskedJob => ({ n, key: undefined, fate: 'published' }))
  // When the process beside dies, all that were in it run again, alone. It is not ours to kill, so nobody knows when.
  const troubles = runs
    .filter((run) => isBeside(run) && !run.end)
    .map(({ process }) => ({ process, fromMs: 0, toMs: Number.POSITIVE_INFINITY }))
  const others = runs.filter(({ n }) => !poison.has(n))
  const { violations, figures } = check({ jobs, runs: others, deaths: workers.deaths, troubles, tellMsMax: 5000 })
  t.diagnostic(JSON.stringify({ ...figures, workersDied: workers.deaths.size }))
  assert.deepEqual(violations, [])
})
