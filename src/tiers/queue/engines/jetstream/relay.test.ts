// Jobs that wait in PostgreSQL go to where they are published, queue by queue.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { openPostgresQueue } from '../postgres/engine.ts'
import { jetStreamLimits } from './options.ts'
import { Relay } from './relay.ts'
import { openTestQueue, startDatabaseAndNats } from './testing.ts'

const timeoutMs = 60_000
const { database, server, stop } = await startDatabaseAndNats()
after(stop)

test('a queue whose jobs no server takes keeps those of the others from nothing', async (t) => {
  const shards = () => database.db.shards()
  const postgres = openPostgresQueue(shards)
  t.after(() => postgres.close())
  const published: string[] = []
  let tries = 0
  const relay = new Relay({
    ...{ postgres, shards, limits: jetStreamLimits, log: { warn() {} } },
    ...{ holder: () => 'relay', isUp: () => true, look: async () => {}, sweep: async () => {} },
    publish: (jobs) =>
      Promise.allSettled(
        jobs.map(async ({ job }) => {
          if (job.queue === 'b.stuck' && ++tries) throw new TenfoldError('unavailable', 'nobody leads its lane')
          published.push(job.queue)
        }),
      ),
  })
  for (const queue of ['b.stuck', 'a', 'c']) await postgres.publish([{ queue, body: '{}', options: {} }])
  const startedAt = performance.now()
  relay.start()
  t.after(() => relay.stop())
  const relayed = () => published.includes('a') && published.includes('c')
  await waitUntil(relayed, { what: 'the others', timeoutMs })
  const left = async () => (await postgres.depth()).map(({ queue, waiting, leased }) => [queue, waiting + leased])
  await waitUntil(async () => (await left()).length === 1, { what: 'what is left', timeoutMs })
  assert.deepEqual(await left(), [['b.stuck', 1]])
  await waitUntil(() => tries > 1, { what: 'another try', timeoutMs })
  assert.ok(tries <= 2 + (performance.now() - startedAt) / jetStreamLimits.relayMs, `${tries} tries`)
})

test('a job that the server does not take is the only one that stays, and the others of its queue come once', async () => {
  await using worker = await openTestQueue([server], database)
  const { queue, postgres } = worker
  const name = 'mixed'
  // Larger than any that the tier lets through, and than a message may be.
  const tooLarge = JSON.stringify({ text: 'x'.repeat(2 * 1024 * 1024) })
  const bodies = Array.from({ length: 120 }, (_, n) => (n === 40 ? tooLarge : JSON.stringify({ n })))
  const published = await postgres.publish(bodies.map((body) => ({ queue: name, body, options: {} })))
  const watch = queue.watch(() => {})
  const seen: unknown[] = []
  const find = async () => {
    const jobs = await queue.take({ queue: name, max: 50, leaseMs: 10_000, holder: 'h' })
    seen.push(...jobs.map(({ payload }) => payload['n']))
    await queue.done(jobs)
    return seen.length >= bodies.length - 1
  }
  await waitUntil(find, { what: 'the others', timeoutMs })
  const state = () => postgres.job(name, published[40]?.id ?? '')
  await waitUntil(async () => (await state())?.state === 'delayed', { what: 'it to be left alone', timeoutMs })
  const { attempt, failures } = (await state()) ?? {}
  assert.deepEqual([attempt, failures], [0, []])
  assert.deepEqual(
    seen.toSorted((a, b) => Number(a) - Number(b)),
    [...bodies.keys()].filter((n) => n !== 40),
  )
  await watch.close()
})
