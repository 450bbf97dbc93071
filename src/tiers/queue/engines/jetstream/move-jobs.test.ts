// Everything that is left on the servers comes to PostgreSQL, in its order, once.

import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import type { TakenJob } from '../../contract.ts'
import { moveJobsToPostgres } from './move-jobs.ts'
import { openTestQueue, startDatabaseAndNats } from './testing.ts'

const leaseMs = 60_000
const timeoutMs = 20_000
const { database, server, stop } = await startDatabaseAndNats()
after(stop)

const move = (prefix: string) =>
  moveJobsToPostgres({
    ...{ servers: [server], username: 'app', password: server.secrets.app, prefix },
    ...{ shards: () => database.db.shards(), log: { warn() {} } },
  })

it('moves jobs that wait, that are leased and that wait for their next attempt, with what is known of them', async () => {
  await using test = await openTestQueue([server], database, { prefix: 'move' })
  const { queue, postgres } = test
  const body = (n: number) => JSON.stringify({ n })
  const name = 'move.some'
  const published = await queue.publish([
    { queue: name, body: body(0), options: { priority: 7 }, trace: 'trace' },
    ...Array.from({ length: 5 }, (_, n) => ({ queue: name, body: body(n + 1), options: {} })),
  ])
  const [first, second] = await queue.take({ queue: name, max: 2, leaseMs, holder: 'h' })
  assert.deepEqual([first?.payload['n'], second?.payload['n']], [0, 1])
  await queue.retry(first as TakenJob, 0, 'failed')
  assert.equal(await move('move'), 6)
  assert.equal(await move('move'), 0)
  const state = await postgres.job(name, published[0]?.id ?? '')
  assert.deepEqual(
    [state?.payload, state?.priority, state?.trace, state?.failures.map(({ reason }) => reason)],
    [{ n: 0 }, 7, 'trace', ['failed']],
  )
  const seen: unknown[] = []
  await waitUntil(
    async () => {
      const jobs = await postgres.take({ queue: name, max: 5, leaseMs, holder: 'h' })
      seen.push(...jobs.map(({ payload }) => payload['n']))
      await postgres.done(jobs)
      return seen.length === 6
    },
    { what: 'all of them', timeoutMs },
  )
  assert.deepEqual(
    seen.filter((n) => n !== 0),
    Array.from({ length: 5 }, (_, n) => n + 1),
  )
})

it('a deduplication id that was taken on the servers stays taken, until its job is done', async () => {
  await using test = await openTestQueue([server], database, { prefix: 'unique' })
  const { queue, postgres } = test
  const job = { queue: 'move.unique', body: '{}', options: { deduplicationId: 'once' } }
  const watch = queue.watch(() => {})
  await queue.publish([job])
  const relayed = () => queue.depth().then((all) => all.some((one) => one.queue === job.queue && one.waiting === 1))
  await waitUntil(relayed, { what: 'the job', timeoutMs })
  await waitUntil(
    async () => (await postgres.depth()).every((one) => one.queue !== job.queue || one.waiting + one.leased === 0),
    {
      what: 'the job to be relayed',
      timeoutMs,
    },
  )
  await watch.close()
  assert.equal(await move('unique'), 1)
  assert.equal((await queue.publish([job]))[0]?.isNew, false)
  const taken: TakenJob[] = []
  await waitUntil(
    async () => {
      taken.push(...(await postgres.take({ queue: job.queue, max: 2, leaseMs, holder: 'h' })))
      return taken.length > 0
    },
    { what: 'the job', timeoutMs },
  )
  await postgres.done(taken)
  assert.equal((await postgres.publish([job]))[0]?.isNew, true)
})

it('a job that was moved can die there, and says until then how long it has waited', async () => {
  await using test = await openTestQueue([server], database, { prefix: 'dies' })
  const { queue, postgres, ledger } = test
  const name = 'move.dies'
  const publishedAt = Date.now()
  const [published] = await queue.publish([{ queue: name, body: '{}', options: {} }])
  await move('dies')
  const waits = async () => (await postgres.depth()).find((one) => one.queue === name)?.oldestMs
  await waitUntil(async () => ((await waits()) ?? 0) > 0, { what: 'its age', timeoutMs })
  const [job] = await postgres.take({ queue: name, max: 1, leaseMs, holder: 'h' })
  await postgres.dead(job as TakenJob, 'hopeless')
  const [letter] = (await ledger.deadLetters.list({ queue: name, limit: 1 })).letters
  assert.equal(letter?.id, published?.id)
  assert.ok(Math.abs((letter?.publishedAt.getTime() ?? 0) - publishedAt) < 60_000)
})
