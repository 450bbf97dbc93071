// Jobs whose worker went without a word: all of them are done by the next worker, in quarantine, and soon; the one that kills
// its process is found out there and does not come back.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import type { QueueEngine } from '../../contract.ts'
import { QueueTier } from '../../queue.ts'
import { jobOf } from '../../testing/suite.ts'
import { openPostgresQueue } from './engine.ts'
import { queueSql } from './testing.ts'

const timeoutMs = 60_000
// What its jobs do is in their queue's name.
const child = fileURLToPath(new URL('../../worker/quarantine/testing/child.ts', import.meta.url))

let database: TestDatabase
let engine: QueueEngine
let tier: QueueTier

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  engine = openPostgresQueue(() => database.db.shards())
  tier = new QueueTier(engine, {
    log: { warn() {}, error() {} },
    forkQuarantine: () => fork(child),
    holder: 'r/worker-1',
  })
})

after(async () => {
  await tier.stopWorkers(1000)
  await engine.close()
  await database.stop()
})

/** Takes all of the queue again and again, and dies each time. */
async function die(queue: string, times: number, count: number): Promise<void> {
  for (let attempt = 1; attempt <= times; attempt++) {
    const holder = `r/dead-${attempt}`
    let taken = 0
    await waitUntil(
      async () => {
        taken += (await engine.take({ queue, max: count, leaseMs: 60_000, holder })).length
        return taken === count
      },
      { what: `${count} jobs`, timeoutMs },
    )
    await engine.release(holder)
  }
}

it('does what many workers died with, however often they did, and buries what kills with the word how', async () => {
  const ran: string[] = []
  const options = { concurrency: 8, attemptsMax: 3, backoff: { baseMs: 1, capMs: 5 } }
  for (const queue of ['fine', 'exit', 'plain'])
    tier.queue.handle(queue, options, async () => {
      ran.push(queue)
    })
  await engine.publish(Array.from({ length: 300 }, (_, n) => jobOf('fine', n)))
  await die('fine', 5, 300)
  const [killer] = await engine.publish([jobOf('exit', 0)])
  await die('exit', 1, 1)
  tier.startWorkers()
  await tier.queue.publish('plain', {})
  await waitUntil(async () => (await engine.depth()).every(({ queue, dead }) => queue === 'exit' && dead === 1), {
    what: 'the end of all but one',
    timeoutMs,
  })
  assert.deepEqual(ran, ['plain'], 'suspects ran elsewhere')
  const state = await engine.job('exit', killer?.id as string)
  assert.equal(state?.attempt, 3)
  assert.match(state?.failures.at(-1)?.reason ?? '', /took its process down: exit code 7/)
})
