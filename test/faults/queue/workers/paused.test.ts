// A worker stands still for longer than its leases, and goes on when its jobs are somebody else's: whatever it says of them then,
// that they are done or that they failed, changes nothing.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '../../../../src/base/limits.ts'
import { check } from '../history/check.ts'
import { type AskedJob, nowMs } from '../history/run.ts'
import { Workers } from './processes.ts'
import { startQueueDatabase } from './testing/queue-database.ts'
import type { Task } from './testing/worker-process.ts'

const timeoutMs = 60_000
/** In which a job that was finished or failed by the wrong one would be gone, or run a third time. */
const watchMs = 1000

test('what a worker finishes after it was paused is no longer its own, and stays with whoever has it', async (t) => {
  await using database = await startQueueDatabase()
  const { dir, env, queue } = database
  const queues = { held: { concurrency: 4, leaseMs: 1000, attemptsMax: 4, backoff: { baseMs: 10, capMs: 50 } } }
  await using paused = await Workers.start({ dir, env, queues, names: ['paused'] })
  const jobs: AskedJob[] = [0, 1].map((n) => ({ n, key: n === 0 ? 'a key' : undefined, fate: 'published' }))
  const untilFile = join(dir, 'go-on-')
  for (const { n, key } of jobs) {
    const payload: Task = { n, untilFile, throwsFirst: n === 1 }
    await queue.publish('held', payload, key === undefined ? {} : { key })
  }
  const begunIn = (process: string) => () => paused.runs().filter((run) => run.process === process).length === 2
  await waitUntil(begunIn('paused.1'), { what: 'both begun', timeoutMs })
  const pausedAtMs = nowMs()
  const process = paused.signal('paused', 'SIGSTOP')

  await using others = await Workers.start({ dir, env, queues, names: ['other'] })
  await waitUntil(begunIn('other.1'), { what: 'both begun by another', timeoutMs })
  await writeFile(`${untilFile}paused`, '')
  paused.signal('paused', 'SIGCONT')
  const ended = () => paused.runs().filter((run) => run.process === process && run.end)
  await waitUntil(() => ended().length === 2, { what: 'both ended in the one that was paused', timeoutMs })
  assert.deepEqual(
    ended()
      .toSorted((a, b) => a.n - b.n)
      .map(({ end }) => end?.how),
    ['done', 'failed'],
  )
  await sleep(watchMs)
  assert.equal(paused.runs().length, 4, 'nobody has begun them again')
  assert.equal((await database.depthOf('held'))?.leased, 2, 'both are still held')

  // Whoever has them dies: they are there, and done by the next one.
  const diedAtMs = nowMs()
  others.kill('other')
  await writeFile(`${untilFile}other`, '')
  await waitUntil(async () => (await database.depthOf('held')) === undefined, { what: 'both done', timeoutMs })
  const runs = paused.runs()
  for (const { n } of jobs)
    assert.ok(runs.some((run) => run.n === n && run.fromMs > diedAtMs && run.end?.how === 'done'))
  const troubles = [{ process, fromMs: pausedAtMs, toMs: diedAtMs }]
  const deaths = new Map([...paused.deaths, ...others.deaths])
  const { violations, figures } = check({ jobs, runs, deaths, troubles, tellMsMax: 5000 })
  t.diagnostic(JSON.stringify(figures))
  assert.deepEqual(violations, [])
})
