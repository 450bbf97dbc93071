// What is special about this engine: lanes that come and go, pulls that stand, jobs that are large, ids that say where a job is.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, it } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { waitUntil } from '../../../../base/limits.ts'
import type { NewJob, TakenJob } from '../../contract.ts'
import { openTestQueue, startDatabaseAndNats, type TestQueue } from './testing.ts'

const leaseMs = 60_000
const timeoutMs = 20_000
const { database, server, stop } = await startDatabaseAndNats()
after(stop)

const jobOf = (queue: string, n: number, options: NewJob['options'] = {}): NewJob => ({
  ...{ queue, body: JSON.stringify({ n }), options },
})

it('brings a job of another process to a worker that waits, without being asked again', async () => {
  await using publisher = await openTestQueue([server], database)
  await using worker = await openTestQueue([server], database)
  const queue = `stand.${randomUUID()}`
  const hints: string[] = []
  const watch = worker.queue.watch((name) => hints.push(name))
  const take = () => worker.queue.take({ queue, max: 5, leaseMs, holder: 'h' })
  await publisher.queue.publish([jobOf(queue, 0)])
  await worker.queue.done(await take())
  assert.deepEqual(await take(), [], 'a pull stands now')
  hints.length = 0
  await publisher.queue.publish([jobOf(queue, 1)])
  await waitUntil(() => hints.includes(queue), { what: 'a hint', timeoutMs })
  const [job] = await take()
  assert.deepEqual([job?.payload['n'], job?.attempt], [1, 1])
  await worker.queue.done([job as TakenJob])
  await watch.close()
})

it('what a standing pull brought and nobody took is for others, and was no attempt', async () => {
  const queue = `kept.${randomUUID()}`
  await using other = await openTestQueue([server], database)
  {
    await using leaving = await openTestQueue([server], database)
    const hints: string[] = []
    leaving.queue.watch((name) => hints.push(name))
    await other.queue.publish([jobOf(queue, 0)])
    const take = () => leaving.queue.take({ queue, max: 1, leaseMs, holder: 'h' })
    await leaving.queue.done(await take())
    assert.deepEqual(await take(), [])
    hints.length = 0
    await other.queue.publish([jobOf(queue, 1)])
    await waitUntil(() => hints.includes(queue), { what: 'the job to be here', timeoutMs })
  }
  const taken: TakenJob[] = []
  const find = async () => {
    taken.push(...(await other.queue.take({ queue, max: 1, leaseMs, holder: 'h' })))
    return taken.length > 0
  }
  await waitUntil(find, { what: 'the job', timeoutMs })
  assert.deepEqual([taken[0]?.payload['n'], taken[0]?.attempt, taken[0]?.isSuspect], [1, 1, false])
})

it('what a standing pull brought to a worker without a hand free goes to another, and was no attempt', async () => {
  const queue = `full.${randomUUID()}`
  await using full = await openTestQueue([server], database)
  await using other = await openTestQueue([server], database)
  const watch = full.queue.watch(() => {})
  const take = (test: TestQueue) => test.queue.take({ queue, max: 1, leaseMs, holder: 'h' })
  await other.queue.publish([jobOf(queue, 0)])
  await full.queue.done(await take(full))
  assert.deepEqual(await take(full), [], 'a pull stands now')
  await other.queue.publish([jobOf(queue, 1)])
  let job: TakenJob | undefined
  const find = async () => {
    job = (await take(other))[0]
    return job
  }
  await waitUntil(find, { what: 'the job, long before its lease ends', timeoutMs })
  assert.deepEqual([job?.payload['n'], job?.attempt, job?.isSuspect], [1, 1, false])
  await other.queue.done([job as TakenJob])
  await watch.close()
})

it('takes jobs of any size that is allowed, however many are asked for', async () => {
  await using test = await openTestQueue([server], database)
  const queue = `large.${randomUUID()}`
  const body = JSON.stringify({ text: 'x'.repeat(250 * 1024) })
  await test.queue.publish(Array.from({ length: 50 }, () => ({ queue, body, options: {} })))
  let count = 0
  const all = async () => {
    const jobs = await test.queue.take({ queue, max: 100, leaseMs, holder: 'h' })
    await test.queue.done(jobs)
    count += jobs.length
    return count === 50
  }
  await waitUntil(all, { what: 'all of them', timeoutMs })
})

it('makes a stream and a lane anew that somebody deleted', async () => {
  const prefix = `deleted-${randomUUID().slice(0, 8)}`
  await using test = await openTestQueue([server], database, { prefix })
  const queue = 'deleted'
  const connection = await connect({ servers: `127.0.0.1:${server.port}`, user: 'app', pass: server.secrets.app })
  const manager = await jetstreamManager(connection)
  const roundTrip = async (n: number) => {
    await test.queue.publish([jobOf(queue, n)])
    const seen: unknown[] = []
    const find = async () => {
      const jobs = await test.queue.take({ queue, max: 5, leaseMs, holder: 'h' })
      seen.push(...jobs.map(({ payload }) => payload['n']))
      await test.queue.done(jobs)
      return seen.includes(n)
    }
    await waitUntil(find, { what: `job ${n}`, timeoutMs })
  }
  try {
    await roundTrip(0)
    await manager.consumers.delete(`${prefix}-jobs`, 'deleted=0')
    await roundTrip(1)
    await manager.streams.delete(`${prefix}-jobs`)
    await roundTrip(2)
  } finally {
    await connection.close()
  }
})

it('cancels a job that waits on the server at once, by its id alone', async () => {
  await using test = await openTestQueue([server], database)
  const queue = `cancel.${randomUUID()}`
  const [first, second] = await test.queue.publish([jobOf(queue, 0), jobOf(queue, 1)])
  assert.equal(await test.queue.cancel(queue, first?.id ?? ''), 'canceled')
  assert.equal(await test.queue.cancel('another', second?.id ?? ''), 'unknown')
  assert.equal(await test.queue.job(queue, first?.id ?? ''), undefined)
  const jobs = await test.queue.take({ queue, max: 5, leaseMs, holder: 'h' })
  assert.deepEqual(
    jobs.map(({ id, payload }) => [id, payload['n']]),
    [[second?.id, 1]],
  )
})
