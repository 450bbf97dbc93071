// The suite of the queue tier: every engine's test calls it. Each test uses queues of its own name.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import type { QueryExecutorProvider } from 'kysely'
import { waitUntil } from '../../base/limits.ts'
import { seededRandom } from '../../base/random.ts'
import type { HandleOptions, Job, QueueEngine, TakenJob } from './contract.ts'
import { QueueTier } from './queue.ts'

export interface QueueConformance {
  /** The engine under test; it may hold jobs of other tests. */
  engine(): QueueEngine
  /** Runs `work` in a transaction of the database, for engines that can publish inside of one. */
  transaction?<T>(work: (tx: QueryExecutorProvider) => Promise<T>): Promise<T>
}

const timeoutMs = 10_000
const leaseMs = 60_000
const quiet = { warn() {}, error() {} }

export function queueConformance(name: string, { engine, transaction }: QueueConformance): void {
  const newName = () => `test.${randomUUID()}`
  const publish = (queue: string, count: number) =>
    engine().publish(Array.from({ length: count }, (_, n) => ({ queue, body: JSON.stringify({ n }), options: {} })))
  const take = (queue: string, max: number, leaseMs: number) =>
    engine().take({ queue, max, leaseMs, holder: 'r/web-1' })
  const depthOf = async (queue: string) => (await engine().depth()).find((depth) => depth.queue === queue)

  /** Runs `work` with a tier whose workers are stopped at its end. */
  async function withTier(work: (tier: QueueTier) => Promise<void>, seed = 1): Promise<void> {
    const tier = new QueueTier(engine(), { log: quiet, random: seededRandom(seed) })
    try {
      await work(tier)
    } finally {
      await tier.stopWorkers(timeoutMs)
    }
  }

  describe(`queue engine ${name}`, () => {
    it('hands a job to one taker only, with what was published', async () => {
      const queue = newName()
      await engine().publish([{ queue, body: JSON.stringify({ deep: [1, 'é', null] }), options: {} }])
      const taken = await takeAll(queue, 10)
      assert.equal(taken.length, 1)
      const { payload, attempt, publishedAt } = taken[0] as TakenJob
      assert.deepEqual([payload, attempt], [{ deep: [1, 'é', null] }, 1])
      assert.ok(Math.abs(publishedAt.getTime() - Date.now()) < 60_000)
    })

    it('never hands out more than was asked for, nor one job twice, to many takers at the same time', async () => {
      const queue = newName()
      await publish(queue, 300)
      const batches = await Promise.all(Array.from({ length: 30 }, () => take(queue, 7, leaseMs)))
      assert.ok(batches.every((batch) => batch.length <= 7))
      const ids = batches.flat().map(({ id }) => id)
      assert.equal(new Set(ids).size, ids.length)
      assert.equal(ids.length + (await takeAll(queue, 300)).length, 300)
    })

    it('hands a job out again when its lease ran out, and the late one cannot renew', async () => {
      const queue = newName()
      await publish(queue, 1)
      const [first] = await take(queue, 1, 30)
      assert.ok(first)
      const second = await waitUntil(async () => (await take(queue, 1, leaseMs))[0], {
        what: 'the end of a lease',
        timeoutMs,
      })
      assert.deepEqual([second.id, second.attempt], [first.id, 2])
      assert.deepEqual(await engine().renew([first], leaseMs), [{ job: first, why: 'lost' }])
      await engine().done([first])
      await engine().retry(first, 0, 'too late')
      assert.deepEqual(await engine().renew([second], leaseMs), [], 'whoever is late changes nothing')
      await engine().done([second])
      assert.equal(await depthOf(queue), undefined)
    })

    it('keeps a renewed lease', async () => {
      const queue = newName()
      await publish(queue, 1)
      const [job] = await take(queue, 1, 200)
      assert.deepEqual(await engine().renew([job as TakenJob], leaseMs), [])
      await new Promise((resolve) => setTimeout(resolve, 250))
      assert.deepEqual(await take(queue, 1, leaseMs), [])
    })

    it('keeps a delayed job back until its time', async () => {
      const queue = newName()
      await engine().publish([{ queue, body: '{}', options: { delayMs: 150 } }])
      assert.deepEqual(await take(queue, 1, leaseMs), [])
      await waitUntil(async () => (await take(queue, 1, leaseMs)).length === 1, { what: 'the job', timeoutMs })
    })

    it('keeps one job per deduplication id, of many published at the same time', async () => {
      const queue = newName()
      const job = (n: number) => ({ queue, body: JSON.stringify({ n }), options: { deduplicationId: `id-${n % 5}` } })
      await Promise.all(Array.from({ length: 20 }, (_, n) => engine().publish([job(n), job(n + 1)])))
      const taken = await takeAll(queue, 50)
      assert.equal(taken.length, 5)
      await engine().publish([job(0)])
      assert.equal((await depthOf(queue))?.waiting, 0, 'also while the first one is being handled')
      await engine().done(taken)
      await engine().publish([job(0)])
      assert.equal((await depthOf(queue))?.waiting, 1, 'a job that is done does not block the next')
    })

    it('a job that is handed back with refund has lost no attempt; a dead one stays, with its reason counted', async () => {
      const queue = newName()
      await publish(queue, 1)
      const [first] = await take(queue, 1, leaseMs)
      await engine().retry(first as TakenJob, 0, 'the worker stopped', true)
      const [second] = await take(queue, 1, leaseMs)
      assert.equal(second?.attempt, 1)
      await engine().retry(second, 0, 'failed')
      const [third] = await take(queue, 1, leaseMs)
      assert.equal(third?.attempt, 2)
      await engine().dead(third, 'failed for good')
      assert.deepEqual(await take(queue, 1, leaseMs), [])
      const depth = await depthOf(queue)
      assert.deepEqual([depth?.waiting, depth?.leased, depth?.dead], [0, 0, 1])
    })

    if (transaction) {
      it('a job published in a transaction exists if and only if it commits', async () => {
        const queue = newName()
        const publishIn = (n: number, isFine: boolean) =>
          transaction(async (tx) => {
            await engine().publishIn(tx, [{ queue, body: JSON.stringify({ n }), options: {} }])
            assert.deepEqual(await take(queue, 1, leaseMs), [], 'nobody sees it before the commit')
            if (!isFine) throw new Error('rolled back')
          })
        await assert.rejects(publishIn(1, false), /rolled back/)
        assert.equal(await depthOf(queue), undefined)
        await publishIn(2, true)
        assert.deepEqual((await take(queue, 1, leaseMs))[0]?.payload, { n: 2 })
      })
    }

    it('a worker handles every job, several at once and no more than it may', async () => {
      const queue = newName()
      const handled: number[] = []
      let atOnce = 0
      let mostAtOnce = 0
      await withTier(async (tier) => {
        tier.queue.handle<{ n: number }>(queue, { concurrency: 3 }, async ({ payload }) => {
          mostAtOnce = Math.max(mostAtOnce, ++atOnce)
          await new Promise((resolve) => setImmediate(resolve))
          atOnce--
          handled.push(payload.n)
        })
        tier.startWorkers()
        await Promise.all(Array.from({ length: 50 }, (_, n) => tier.queue.publish(queue, { n })))
        await waitUntil(() => handled.length === 50, { what: '50 jobs', timeoutMs })
      })
      assert.deepEqual(
        handled.sort((a, b) => a - b),
        Array.from({ length: 50 }, (_, n) => n),
      )
      assert.ok(mostAtOnce > 1 && mostAtOnce <= 3, `${mostAtOnce} at once`)
      assert.equal(await depthOf(queue), undefined)
    })

    it('tries a failing job again and buries it after its last attempt', async () => {
      const queue = newName()
      const attempts: number[] = []
      await withTier(async (tier) => {
        const options: HandleOptions = { attemptsMax: 3, backoff: { baseMs: 1, capMs: 5 } }
        tier.queue.handle(queue, options, async ({ attempt }) => {
          attempts.push(attempt)
          throw new Error('it never works')
        })
        tier.startWorkers()
        await tier.queue.publish(queue, {})
        await waitUntil(async () => (await depthOf(queue))?.dead === 1, { what: 'a dead job', timeoutMs })
      })
      assert.deepEqual(attempts, [1, 2, 3])
    })

    it('renews the lease of a job that takes longer than it', async () => {
      const queue = newName()
      let runs = 0
      await withTier(async (tier) => {
        tier.queue.handle(queue, { leaseMs: 150, concurrency: 2 }, async () => {
          runs++
          await new Promise((resolve) => setTimeout(resolve, 600))
        })
        tier.startWorkers()
        await tier.queue.publish(queue, {})
        await waitUntil(async () => runs === 1 && !(await depthOf(queue)), { what: 'the slow job', timeoutMs })
      })
      assert.equal(runs, 1)
    })

    it('a worker that stops aborts its jobs, hands them back without counting it, and leaves none behind', async () => {
      const queue = newName()
      let begun = 0
      const waitForAbort = async ({ signal }: Job) => {
        begun++
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      await withTier(async (tier) => {
        tier.queue.handle(queue, { concurrency: 2 }, waitForAbort)
        tier.startWorkers()
        await Promise.all([1, 2, 3].map((n) => tier.queue.publish(queue, { n })))
        await waitUntil(() => begun === 2, { what: 'two jobs under way', timeoutMs })
      })
      const taken = await takeAll(queue, 10)
      assert.deepEqual(
        taken.map(({ attempt }) => attempt),
        [1, 1, 1],
      )
    })

    it('hands back what ignores its signal when the drain is over', async () => {
      const queue = newName()
      const gate = Promise.withResolvers<void>()
      const tier = new QueueTier(engine(), { log: quiet })
      let begun = 0
      tier.queue.handle(queue, {}, () => {
        begun++
        return gate.promise
      })
      tier.startWorkers()
      await tier.queue.publish(queue, {})
      await waitUntil(() => begun === 1, { what: 'the job', timeoutMs })
      await tier.stopWorkers(20)
      assert.equal((await takeAll(queue, 1))[0]?.attempt, 1)
      gate.resolve()
    })

    it('loses no job while workers die: each one is handled at least once', async () => {
      const queue = newName()
      const total = 200
      await publish(queue, total)
      const handled = new Map<number, number>()
      // Takers that die: they take and are never heard of again.
      let dying = true
      const deaths = (async () => {
        for (let i = 0; i < 15; i++) await take(queue, 5, 100)
        dying = false
      })()
      await withTier(async (tier) => {
        tier.queue.handle<{ n: number }>(queue, { concurrency: 8, attemptsMax: 100 }, async ({ payload }) => {
          handled.set(payload.n, (handled.get(payload.n) ?? 0) + 1)
        })
        tier.startWorkers()
        await deaths
        await waitUntil(async () => !dying && !(await depthOf(queue)), { what: 'an empty queue', timeoutMs })
      })
      assert.equal(handled.size, total)
    })

    it('refuses what can never work: names, options, payloads', async () => {
      await withTier(async ({ queue }) => {
        await assert.rejects(queue.publish('no spaces', {}), { code: 'bad-input' })
        await assert.rejects(queue.publish('q', [] as never), { code: 'bad-input' })
        await assert.rejects(queue.publish('q', { a: 'x'.repeat(300_000) }), { code: 'too-large' })
        await assert.rejects(queue.publish('q', { a: 'nul \0' }), { code: 'bad-input' })
        await assert.rejects(queue.publish('q', { a: '\ud800' }), { code: 'bad-input' })
        await assert.rejects(queue.publish('q', {}, { delayMs: -1 }), { code: 'bad-input' })
        assert.throws(() => queue.handle('q', { concurrency: 0 }, async () => {}), { code: 'bad-input' })
        queue.handle('q', {}, async () => {})
        assert.throws(() => queue.handle('q', {}, async () => {}), { code: 'conflict' })
      })
    })
  })

  async function takeAll(queue: string, max: number): Promise<TakenJob[]> {
    const taken: TakenJob[] = []
    for (;;) {
      const batch = await take(queue, max, leaseMs)
      if (batch.length === 0) return taken
      taken.push(...batch)
    }
  }
}
