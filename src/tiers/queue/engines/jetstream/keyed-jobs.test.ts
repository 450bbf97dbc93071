// Jobs with a key stay in PostgreSQL: they are there whatever the servers do, in their order, and at once.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, it } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { waitUntil } from '../../../../base/limits.ts'
import { connectAs } from '../../../../programs/postgres/testing.ts'
import type { NewJob, QueueEngine, TakenJob } from '../../contract.ts'
import { QueueTier } from '../../queue.ts'
import { KeyedJobs } from './keyed-jobs.ts'
import { openTestQueue, startDatabaseAndNats } from './testing.ts'

const leaseMs = 60_000
const timeoutMs = 20_000
const holder = 'r/worker-1'
const quiet = { info() {}, warn() {}, error() {} }
const { database, server, stop } = await startDatabaseAndNats()
after(stop)

const newName = () => `keyed.${randomUUID()}`
const jobOf = (queue: string, n: number, options: NewJob['options'] = { key: 'k' }): NewJob => ({
  ...{ queue, body: JSON.stringify({ n }), options },
})
const numbersOf = (jobs: readonly TakenJob[]) => jobs.map(({ payload }) => payload['n'])

/** Takes until so many came. */
async function found(engine: QueueEngine, queue: string, count: number): Promise<TakenJob[]> {
  const jobs: TakenJob[] = []
  const some = async () => {
    jobs.push(...(await engine.take({ queue, max: count - jobs.length, leaseMs, holder })))
    return jobs.length === count
  }
  await waitUntil(some, { what: `${count} jobs`, timeoutMs })
  return jobs
}

it('stay when the relay takes the others of their queue to the server', async () => {
  const prefix = `stay-${randomUUID().slice(0, 8)}`
  await using test = await openTestQueue([server], database, { prefix })
  const queue = newName()
  const watch = test.queue.watch(() => {})
  const connection = await connect({ servers: `127.0.0.1:${server.port}`, user: 'app', pass: server.secrets.app })
  const manager = await jetstreamManager(connection)
  try {
    const publish = (n: number) =>
      test.queue.publish([jobOf(queue, n), jobOf(queue, n + 1, { deduplicationId: String(n) }), jobOf(queue, n + 2)])
    const published = [...(await publish(0)), ...(await publish(3))]
    await database.db
      .slot(3)
      .transaction((tx) => test.queue.publishIn(tx, [jobOf(queue, 6), jobOf(queue, 7, { priority: 3 })]))
    const stored = async () => (await manager.streams.info(`${prefix}-jobs`)).state.messages
    await waitUntil(async () => (await stored()) === 3, { what: 'the others to be relayed', timeoutMs })
    const left = await test.postgres.depth()
    assert.equal(left.find((one) => one.queue === queue)?.waiting, 5)
    const state = await test.queue.job(queue, published[0]?.id ?? '')
    assert.deepEqual([state?.state, state?.attempt, state?.holder], ['waiting', 0, undefined], 'not even for a moment')
    const seen: unknown[] = []
    await waitUntil(
      async () => {
        const jobs = await test.queue.take({ queue, max: 8, leaseMs, holder })
        seen.push(...numbersOf(jobs.filter(({ key }) => key !== undefined)))
        await test.queue.done(jobs)
        return seen.length === 5
      },
      { what: 'those with a key', timeoutMs },
    )
    assert.deepEqual(seen, [0, 2, 3, 5, 6], 'in their order, those of transactions among them')
  } finally {
    await watch.close()
    await connection.close()
  }
})

it('are handled while no server answers, also by a worker that holds others', async () => {
  await using test = await openTestQueue([server], database, { limits: { publishMsMax: 500 } })
  const queue = newName()
  const tier = new QueueTier(test.queue, { log: quiet })
  const handled: unknown[] = []
  const holding = Promise.withResolvers<void>()
  tier.queue.handle<{ n: number }>(queue, { concurrency: 4 }, async ({ payload, key }) => {
    if (key === undefined) await holding.promise
    else handled.push(payload.n)
  })
  tier.startWorkers()
  try {
    await tier.queue.publish(queue, { n: -1 })
    await waitUntil(() => tier.inFlight === 1, { what: 'a job of the server', timeoutMs })
    await server.kill()
    await assert.rejects(tier.queue.publish(queue, { n: -2 }), { code: 'unavailable' })
    for (let n = 0; n < 20; n++) {
      await tier.queue.publish(queue, { n }, { key: 'k' })
      if (n === 10) holding.resolve()
    }
    await waitUntil(() => handled.length === 20, { what: 'those with a key', timeoutMs })
    assert.deepEqual(handled, [...Array(20).keys()])
  } finally {
    holding.resolve()
    await tier.stopWorkers(1000)
    await server.start()
  }
})

it('keep no job of the servers waiting while the database hangs, and what it answers too late was no attempt', async () => {
  await using test = await openTestQueue([server], database)
  const queue = newName()
  await test.queue.publish([jobOf(queue, 0), jobOf(queue, 1, {})])
  await using owner = await connectAs(database.server, 'owner')
  await owner.query('begin')
  await owner.query('lock table tenfold.queue_jobs in access exclusive mode')
  const jobs = await test.queue.take({ queue, max: 5, leaseMs, holder })
  assert.deepEqual(numbersOf(jobs), [1])
  await owner.query('rollback')
  const [late] = await found(test.queue, queue, 1)
  assert.deepEqual([late?.payload['n'], late?.attempt, late?.isSuspect], [0, 1, false])
})

it('are heard of by a worker that waits, and keep nobody waiting', async () => {
  await using test = await openTestQueue([server], database)
  const queue = newName()
  const hints: string[] = []
  const watch = test.queue.watch((name) => hints.push(name))
  try {
    const take = (max: number) => test.queue.take({ queue, max, leaseMs, holder })
    assert.deepEqual(await take(1), [])
    await database.db.slot(3).transaction((tx) => test.queue.publishIn(tx, [jobOf(queue, 0)]))
    await waitUntil(() => hints.includes(queue), { what: 'a hint', timeoutMs })
    const [job] = await found(test.queue, queue, 1)
    const failedAt = performance.now()
    await test.queue.retry(job as TakenJob, 200, 'failed')
    const again = await found(test.queue, queue, 1)
    assert.ok(performance.now() - failedAt >= 200, 'not before its time')
    await test.queue.done(again)
    await test.queue.publish(Array.from({ length: 40 }, (_, n) => jobOf(queue, n, n % 2 ? { key: String(n) } : {})))
    const seen = [...(await take(5)), ...(await take(5))]
    const count = seen.filter(({ key }) => key !== undefined).length
    assert.ok(count > 0 && count < seen.length, `${count} of ${seen.length} have a key`)
  } finally {
    await watch.close()
  }
})

it('tell their state, are canceled at once while they wait, and are free when their process has died', async () => {
  await using test = await openTestQueue([server], database)
  const { queue: engine } = test
  const queue = newName()
  const published = await engine.publish([0, 1, 2].map((n) => jobOf(queue, n)))
  const [first, second, third] = published.map(({ id }) => id) as [string, string, string]
  const stateOf = async (id: string) => (await engine.job(queue, id))?.state
  const [lost] = await engine.take({ queue, max: 1, leaseMs, holder: 'r/dead' })
  assert.deepEqual([await stateOf(first), await stateOf(second)], ['leased', 'waiting'])
  assert.equal(await engine.release('r/dead'), 1)
  const [again] = await found(engine, queue, 1)
  assert.deepEqual([again?.id, again?.attempt, again?.isSuspect], [first, 2, true])
  assert.deepEqual(await engine.renew([lost as TakenJob], leaseMs), [{ job: lost, why: 'lost' }])
  assert.equal(await engine.cancel(queue, second), 'canceled')
  assert.equal(await stateOf(second), undefined)
  assert.equal(await engine.cancel(queue, first), 'asked')
  assert.deepEqual(await engine.renew([again as TakenJob], leaseMs), [{ job: again, why: 'canceled' }])
  await engine.done([again as TakenJob])
  const [next] = await found(engine, queue, 1)
  assert.equal(next?.id, third)
  await engine.retry(next as TakenJob, 600_000, 'failed')
  assert.equal(await stateOf(third), 'delayed')
  assert.equal((await engine.depth()).find((one) => one.queue === queue)?.delayed, 1)
})

it('keep their order while a system climbs, and processes of both engines publish and work', async () => {
  await using above = await openTestQueue([server], database)
  const queue = newName()
  const tiers = [new QueueTier(above.queue, { log: quiet }), new QueueTier(above.postgres, { log: quiet })]
  const seen: unknown[] = []
  for (const tier of tiers) {
    tier.queue.handle<{ n: number }>(queue, { concurrency: 4 }, async ({ payload, key }) => {
      if (key !== undefined) seen.push(payload.n)
    })
    tier.startWorkers()
  }
  try {
    for (let n = 0; n < 60; n++) {
      const tier = tiers[n % 2] as QueueTier
      await tier.queue.publish(queue, { n: -1 })
      if (n % 3 > 0) await tier.queue.publish(queue, { n }, { key: 'k' })
      else await database.db.slot(3).transaction((tx) => tier.queue.in(tx).publish(queue, { n }, { key: 'k' }))
    }
    await waitUntil(() => seen.length === 60, { what: 'all of them', timeoutMs })
    assert.deepEqual(seen, [...Array(60).keys()])
  } finally {
    await Promise.all(tiers.map((tier) => tier.stopWorkers(5000)))
  }
})

it('are answered without a wait for the others, since their leases run', async () => {
  await using test = await openTestQueue([server], database, { prefix: `apart-${randomUUID().slice(0, 8)}` })
  const queue = newName()
  await test.postgres.publish([jobOf(queue, 0), jobOf(queue, 1, { key: 'other' })])
  const again: string[] = []
  const keyed = new KeyedJobs(test.postgres, (name) => again.push(name))
  const request = { queue, max: 10, leaseMs, holder }
  const jobs = await keyed.takeBeside(request, () => new Promise(() => {}))
  assert.deepEqual([numbersOf(jobs).toSorted(), again], [[0, 1], [queue]])
  const other = { ...(jobs[0] as TakenJob), id: 'of the servers' }
  assert.deepEqual(await keyed.takeBeside(request, async () => [other]), [other], 'whose turn it was then')
})
