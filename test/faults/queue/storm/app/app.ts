// The app under test: jobs that are published in every way, whose runs are kept and whose effects are counted, and a tick that
// comes every second by the clock.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineApp } from '../../../../../src/index.ts'
import { RunLog } from '../../history/run.ts'
import { ownerOf, sumsOf, type Tables, takeEffect } from './effects.ts'

/** with-ids: each with one for deduplication. plain: without. rolled-back: in a transaction that is not committed. */
export type How = 'in-transaction' | 'with-ids' | 'plain' | 'rolled-back'

export interface PublishRequest {
  /** The numbers of the jobs, in the order of publishing. */
  numbers: number[]
  /** Which key each of them has; null: none. */
  keys: Array<string | null>
  how: How
}

type Work = { n: number }

const home = String(process.env['TENFOLD_HOME'])
const deduplicationWindowMs = 3_600_000
const workMsMax = 4

export default defineApp<Tables>({
  migrations: 'migrations',
  setup({ http, db, queue, once }) {
    const runs = new RunLog(join(home, `runs-work-${process.pid}`), String(process.pid))
    const ticks = new RunLog(join(home, `runs-tick-${process.pid}`), String(process.pid))

    http.post<{ Body: PublishRequest }>('/publish', async (request) => {
      const { numbers, keys, how } = request.body
      const jobs = numbers.map((n, i) => {
        const key = keys[i] ?? null
        return { payload: { n }, ...(key !== null && { key }) }
      })
      if (how === 'plain') {
        await queue.publishMany('work', jobs)
        return { published: numbers.length }
      }
      if (how === 'with-ids') {
        // Whoever does not hear of it sends it again; the ids make one job of that.
        const withIds = jobs.map((job) => ({ ...job, deduplicationId: `job-${job.payload.n}`, deduplicationWindowMs }))
        await queue.publishMany('work', withIds)
        return { published: numbers.length }
      }
      const owner = ownerOf(numbers[0] ?? 0)
      return await once(request, db.of(owner), async (tx) => {
        await tx
          .insertInto('asked')
          .values(numbers.map((n) => ({ owner, n })))
          .execute()
        await queue.in(tx).publishMany('work', jobs)
        if (how === 'rolled-back') throw Object.assign(new Error('as it was asked to'), { statusCode: 418 })
        return { published: numbers.length }
      })
    })

    http.get('/sums', () => sumsOf(db))

    queue.handle<Work>('work', { concurrency: 8, leaseMs: 10_000 }, async ({ payload: { n }, attempt }) => {
      runs.say(n, attempt, 'begin')
      try {
        await sleep(Math.random() * workMsMax)
        await takeEffect(db, n)
      } catch (error) {
        runs.say(n, attempt, 'failed')
        throw error
      }
      runs.say(n, attempt, 'done')
    })

    // The second for which it was due: one that is made up for is published in another one.
    queue.schedule('tick', {
      cron: '* * * * * *',
      queue: 'tick',
      payload: (dueAt) => ({ second: dueAt.getTime() / 1000 }),
    })
    queue.handle<{ second: number }>('tick', {}, async ({ payload: { second }, attempt }) => {
      ticks.say(second, attempt, 'begin')
      ticks.say(second, attempt, 'done')
    })
  },
})
