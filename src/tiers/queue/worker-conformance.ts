// The suite of the queue tier, second part: handlers over an engine.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { z } from 'zod'
import { openChannel } from '../../base/channels.ts'
import { waitUntil } from '../../base/limits.ts'
import { runInTrace } from '../../base/trace.ts'
import type { QueueConformance } from './conformance.ts'
import type { HandleOptions, Job } from './contract.ts'
import { Bench, newName, numbersOf, timeoutMs } from './testing/suite.ts'

const soon: HandleOptions = { backoff: { baseMs: 1, capMs: 5 } }
const until = (what: string, check: () => Promise<unknown> | unknown) =>
  waitUntil(async () => Boolean(await check()), { what, timeoutMs })

/** Ends when its signal aborts, as a handler should. */
export async function untilAborted({ signal }: Pick<Job, 'signal'>): Promise<void> {
  if (signal.aborted) throw signal.reason
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

export function workerConformance(suite: QueueConformance): void {
  const bench = new Bench(suite)
  const isEmpty = async (queue: string) => (await bench.depthOf(queue)) === undefined

  it('a worker handles every job, several at once and no more than it may', async () => {
    const queue = newName()
    const handled: number[] = []
    let atOnce = 0
    let mostAtOnce = 0
    await bench.withTier(async (tier) => {
      tier.queue.handle<{ n: number }>(queue, { concurrency: 3 }, async ({ payload }) => {
        mostAtOnce = Math.max(mostAtOnce, ++atOnce)
        await new Promise((resolve) => setImmediate(resolve))
        atOnce--
        handled.push(payload.n)
      })
      tier.startWorkers()
      const jobs = Array.from({ length: 50 }, (_, n) => n)
      await Promise.all(jobs.slice(0, 20).map((n) => tier.queue.publish(queue, { n })))
      const many = await tier.queue.publishMany(
        queue,
        jobs.slice(20).map((n) => ({ payload: { n } })),
      )
      assert.equal(new Set(many.map(({ id }) => id)).size, 30)
      await until('50 jobs', () => handled.length === 50)
      await until('an empty queue', () => isEmpty(queue))
      assert.deepEqual(
        handled.toSorted((a, b) => a - b),
        jobs,
      )
    })
    assert.ok(mostAtOnce > 1 && mostAtOnce <= 3, `${mostAtOnce} at once`)
  })

  it('tries a failing job again and buries it after its last attempt, with the reason of each', async () => {
    const queue = newName()
    const attempts: number[] = []
    await bench.withTier(async (tier) => {
      tier.queue.handle(queue, { ...soon, attemptsMax: 3 }, async ({ attempt }) => {
        attempts.push(attempt)
        throw new Error(`it failed at ${attempt}`)
      })
      tier.startWorkers()
      const { id } = await tier.queue.publish(queue, {})
      await until('a dead job', async () => (await bench.depthOf(queue))?.dead === 1)
      const state = await tier.queue.job(queue, id)
      assert.equal(state?.state, 'dead')
      assert.deepEqual(
        state?.failures.map(({ reason }) => reason),
        [1, 2, 3].map((n) => `it failed at ${n}`),
      )
    })
    assert.deepEqual(attempts, [1, 2, 3])
  })

  it('keeps a reason that no database stores, and tries the job again as any other', async () => {
    const queue = newName()
    const reason = `\0 ${'x'.repeat(1997)}\ud83d\ude00`
    await bench.withTier(async (tier) => {
      tier.queue.handle(queue, { ...soon, attemptsMax: 2, leaseMs: 600_000 }, async () => {
        throw new Error(reason)
      })
      tier.startWorkers()
      const { id } = await tier.queue.publish(queue, {})
      await until('a dead job', async () => (await bench.depthOf(queue))?.dead === 1)
      const kept = (await tier.queue.job(queue, id))?.failures.map((failure) => failure.reason)
      assert.deepEqual(kept, Array(2).fill(`\ufffd ${'x'.repeat(1997)}\ufffd`))
    })
  })

  it('progress that JSON cannot say harms nobody', async () => {
    const queue = newName()
    let renewed = false
    await bench.withTier(async (tier) => {
      const round: Record<string, unknown> = {}
      round['round'] = round
      tier.queue.handle(queue, { leaseMs: 300 }, async ({ progress }) => {
        for (const said of [{ n: 1n }, round, undefined]) {
          progress(said as never)
          await new Promise((resolve) => setTimeout(resolve, 300))
        }
        renewed = true
      })
      tier.startWorkers()
      await tier.queue.publish(queue, {})
      await until('its end', async () => renewed && (await isEmpty(queue)))
    })
  })

  it('renews the lease of a job that takes longer than it', async () => {
    const queue = newName()
    let runs = 0
    await bench.withTier(async (tier) => {
      tier.queue.handle(queue, { leaseMs: 300, concurrency: 2 }, async () => {
        runs++
        await new Promise((resolve) => setTimeout(resolve, 900))
      })
      tier.startWorkers()
      await tier.queue.publish(queue, {})
      await until('the slow job', async () => runs >= 1 && (await isEmpty(queue)))
    })
    assert.equal(runs, 1)
  })

  it('a worker that stops aborts its jobs, hands them back without counting it, and leaves none behind', async () => {
    const queue = newName()
    let begun = 0
    await bench.withTier(async (tier) => {
      tier.queue.handle(queue, { concurrency: 2 }, async (job) => {
        begun++
        await untilAborted(job)
      })
      tier.startWorkers()
      await Promise.all([1, 2, 3].map((n) => tier.queue.publish(queue, { n })))
      await until('two jobs under way', () => begun === 2)
    })
    const attempts: number[] = []
    await until('three jobs', async () => {
      for (const { attempt } of await bench.takeAll(queue, 10)) attempts.push(attempt)
      return attempts.length === 3
    })
    assert.deepEqual(attempts, [1, 1, 1])
  })

  it('hands back what ignores its signal when the drain is over', async () => {
    const queue = newName()
    const gate = Promise.withResolvers<void>()
    const tier = bench.openTier()
    let begun = 0
    tier.queue.handle(queue, {}, () => {
      begun++
      return gate.promise
    })
    tier.startWorkers()
    await tier.queue.publish(queue, {})
    await until('the job', () => begun === 1)
    await tier.stopWorkers(20)
    await until('it again', async () => (await bench.take(queue, 1))[0]?.attempt === 1)
    gate.resolve()
  })

  it('what takes too long is aborted and failed; so is what says nothing; what does goes on', async () => {
    const [slow, silent, talking] = [newName(), newName(), newName()]
    const options = { ...soon, attemptsMax: 1 }
    let talked = 0
    await bench.withTier(async (tier) => {
      tier.queue.handle(slow, { ...options, timeoutMs: 60 }, untilAborted)
      tier.queue.handle(silent, { ...options, heartbeatMs: 60 }, untilAborted)
      tier.queue.handle(talking, { ...options, heartbeatMs: 10_000 }, async ({ heartbeat }) => {
        heartbeat()
        talked++
      })
      tier.startWorkers()
      const reasonOf = async (queue: string) => {
        const { id } = await tier.queue.publish(queue, {})
        await until('a dead job', async () => (await bench.depthOf(queue))?.dead === 1)
        return (await tier.queue.job(queue, id))?.failures.at(-1)?.reason
      }
      assert.match((await reasonOf(slow)) ?? '', /took longer than 60 ms/)
      assert.match((await reasonOf(silent)) ?? '', /said nothing for 60 ms/)
      await tier.queue.publish(talking, {})
      await until('the talking one', () => isEmpty(talking))
    })
    assert.equal(talked, 1)
  })

  it('a canceled job that runs is aborted and not tried again; one that waits never runs', async () => {
    const queue = newName()
    let runs = 0
    await bench.withTiers(2, async (one, other) => {
      one?.queue.handle(queue, { concurrency: 1, leaseMs: 1000 }, async (job) => {
        runs++
        await untilAborted(job)
      })
      one?.startWorkers()
      const published = await one?.queue.publish(queue, {})
      const later = await one?.queue.publish(queue, {}, { delayMs: 600_000 })
      await until('the job under way', () => runs === 1)
      assert.equal(await other?.queue.cancel(queue, published?.id as string), 'asked')
      assert.equal(await other?.queue.cancel(queue, later?.id as string), 'canceled')
      await until('both gone', () => isEmpty(queue))
    })
    assert.equal(runs, 1)
  })

  it('hands many jobs to one call; one may fail and the others not, or all of them', async () => {
    const queue = newName()
    const calls: number[][] = []
    await bench.withTier(async (tier) => {
      const options = { ...soon, concurrency: 1, batchMax: 10, batchWaitMs: 200, attemptsMax: 2 }
      tier.queue.handleMany<{ n: number }>(queue, options, async (jobs) => {
        calls.push(numbersOf(jobs) as number[])
        for (const job of jobs) if (job.payload.n === 3) job.fail('three is no good')
        if (jobs.some(({ payload, attempt }) => payload.n === 7 && attempt === 1)) throw new Error('all of you')
      })
      tier.startWorkers()
      await tier.queue.publishMany(
        queue,
        Array.from({ length: 10 }, (_, n) => ({ payload: { n } })),
      )
      await until('one dead', async () => {
        const depth = await bench.depthOf(queue)
        return depth?.dead === 1 && depth.waiting + depth.delayed + depth.leased === 0
      })
    })
    assert.ok(calls.every((numbers) => numbers.length <= 10))
    assert.ok(Math.max(...calls.map(({ length }) => length)) > 1)
    const counts = Map.groupBy(calls.flat(), (n) => n)
    assert.ok([...counts.values()].every(({ length }) => length <= 2))
    assert.deepEqual([counts.get(3)?.length, counts.get(7)?.length], [2, 2])
  })

  it('a call that waits to be full begins when its time is over, however often the leases were renewed', async () => {
    const queue = newName()
    const calls: number[] = []
    await bench.withTier(async (tier) => {
      const options = { concurrency: 1, batchMax: 10, batchWaitMs: 900, leaseMs: 600 }
      tier.queue.handleMany(queue, options, async (jobs) => {
        calls.push(jobs.length)
      })
      tier.startWorkers()
      await tier.queue.publishMany(queue, [{ payload: {} }, { payload: {} }])
      await until('the call', async () => calls.length > 0 && (await isEmpty(queue)))
    })
  })

  it('checks payloads by the schema of the queue, when they are published and before they are handled', async () => {
    const queue = newName()
    const at: Date[] = []
    await bench.withTier(async (tier) => {
      const mail = tier.queue.define(queue, { schema: z.object({ to: z.email(), at: z.coerce.date<string>() }) })
      await assert.rejects(mail.publish({ to: 'nobody', at: 'now' }), { code: 'bad-input', message: /to: .*at: / })
      mail.handle({}, async ({ payload }) => {
        at.push(payload.at)
      })
      tier.startWorkers()
      // From an app that knew another schema.
      const [old] = await bench.publish(queue, 1)
      await mail.publish({ to: 'a@example.org', at: '2026-11-25T00:00:00Z' })
      await until('a mail', () => at.length === 1)
      await until('a dead job', async () => (await bench.depthOf(queue))?.dead === 1)
      const state = await tier.queue.job(queue, old?.id as string)
      assert.equal(state?.attempt, 1, 'no further attempt would help')
      assert.match(state?.failures.at(-1)?.reason ?? '', /does not fit the schema/)
    })
    assert.deepEqual(at, [new Date('2026-11-25T00:00:00Z')])
  })

  it('a job belongs to the trace of whoever published it, and so do the jobs that it publishes', async () => {
    const queue = newName()
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const traces: Array<string | undefined> = []
    await bench.withTier(async (tier) => {
      tier.queue.handle(queue, {}, async (job) => {
        traces.push(job.trace)
        await new Promise((resolve) => setImmediate(resolve))
        if (traces.length === 1) await tier.queue.publish(queue, {})
      })
      await runInTrace(trace, () => tier.queue.publish(queue, {}))
      tier.startWorkers()
      await until('both', () => traces.length === 2)
      await until('an empty queue', () => isEmpty(queue))
    })
    assert.deepEqual(traces, [trace, trace])
  })

  it('tells whoever listens what happens to a job', async () => {
    const queue = newName()
    const told: string[] = []
    const stop = openChannel('tenfold:job').subscribe((message) => {
      if (message.queue === queue) told.push(`${message.event} ${message.attempt}`)
    })
    try {
      await bench.withTier(async (tier) => {
        tier.queue.handle(queue, { ...soon, attemptsMax: 2 }, async () => {
          throw new Error('no')
        })
        tier.startWorkers()
        await tier.queue.publish(queue, {})
        await until('a dead job', async () => (await bench.depthOf(queue))?.dead === 1)
      })
    } finally {
      stop()
    }
    // Its publisher may hear of it later than its worker.
    assert.ok(told.includes('published 0'))
    const rest = told.filter((each) => each !== 'published 0')
    assert.deepEqual(rest, ['taken 1', 'failed 1', 'retried 1', 'taken 2', 'failed 2', 'dead 2'])
  })

  it('refuses publishes while too many jobs wait, and takes them again after', async () => {
    const queue = newName()
    let isOpen = false
    await bench.withTier(async (tier) => {
      tier.queue.define(queue, { waitingMax: 5 })
      for (let n = 0; n < 5; n++) await tier.queue.publish(queue, { n })
      await assert.rejects(tier.queue.publish(queue, {}), { code: 'overloaded' })
      await assert.rejects(tier.queue.publishMany(queue, [{ payload: {} }]), { code: 'overloaded' })
      tier.queue.handle(queue, {}, async () => {
        isOpen = true
      })
      tier.startWorkers()
      await until('room', () =>
        tier.queue.publish(queue, {}).then(
          () => true,
          () => false,
        ),
      )
      await until('the end', () => isEmpty(queue))
    })
    assert.ok(isOpen)
  })

  it('refuses what can never work: names, options, payloads', async () => {
    await bench.withTier(async ({ queue }) => {
      await assert.rejects(queue.publish('no spaces', {}), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', [] as never), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', new Date() as never), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', { a: 1n }), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', { a: 'x'.repeat(300_000) }), { code: 'too-large' })
      await assert.rejects(queue.publish('q', { a: 'nul \0' }), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', { a: '\ud800' }), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', {}, { delayMs: -1 }), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', {}, { priority: 10 }), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', {}, { key: '' }), { code: 'bad-input' })
      await assert.rejects(queue.publish('q', {}, { deduplicationWindowMs: 5 }), { code: 'bad-input' })
      assert.throws(() => queue.handle('q', { concurrency: 0 }, async () => {}), { code: 'bad-input' })
      assert.throws(() => queue.handle('q', { rate: { count: 0, perMs: 1000 } }, async () => {}), { code: 'bad-input' })
      assert.throws(() => queue.define('q', { schema: {} as never }), { code: 'bad-input' })
      assert.throws(() => queue.define('q', { waitingMax: 1e9 }), { code: 'bad-input' })
      queue.handle('q', {}, async () => {})
      assert.throws(() => queue.handle('q', {}, async () => {}), { code: 'conflict' })
      assert.throws(() => queue.define('q', {}), { code: 'conflict' })
    })
  })
}
