// The suite of the queue tier, first part: what an engine does when it is asked directly.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import type { QueueConformance } from './conformance.ts'
import type { TakenJob } from './contract.ts'
import { Bench, jobOf, leaseMs, newName, numbersOf, timeoutMs } from './testing/suite.ts'

export function engineConformance(suite: QueueConformance): void {
  const bench = new Bench(suite)
  const { transaction, lacks = {} } = suite
  const engine = () => bench.engine

  /** Until so many came, some of which may have been handed back a moment ago. */
  async function taken(queue: string, count: number, ms?: number): Promise<TakenJob[]> {
    const jobs: TakenJob[] = []
    await waitUntil(
      async () => {
        jobs.push(...(await bench.take(queue, count - jobs.length, ms)))
        return jobs.length === count
      },
      { what: `${count} jobs of ${queue}`, timeoutMs },
    )
    return jobs
  }

  it('hands a job to one taker only, with what was published', async () => {
    const queue = newName()
    const body = JSON.stringify({ deep: [1, 'é', null] })
    const [published] = await engine().publish([{ queue, body, options: { priority: 3, key: 'k' }, trace: 'trace' }])
    const [job] = await taken(queue, 1)
    assert.deepEqual(await bench.take(queue, 10), [])
    assert.ok(job && published?.isNew)
    const { id, payload, attempt, key, priority, trace, isSuspect } = job
    assert.deepEqual(
      { id, payload, attempt, key, priority, trace, isSuspect },
      {
        ...{ id: published.id, attempt: 1, key: 'k', priority: 3, trace: 'trace' },
        isSuspect: false,
        payload: JSON.parse(body),
      },
    )
    assert.ok(Math.abs(job.publishedAt.getTime() - Date.now()) < 60_000)
  })

  it('never hands out more than was asked for, nor one job twice, to many takers at the same time', async () => {
    const queue = newName()
    await bench.publish(queue, 300)
    const batches = await Promise.all(Array.from({ length: 30 }, () => bench.take(queue, 7)))
    assert.ok(batches.every((batch) => batch.length <= 7))
    const ids = batches.flat().map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    assert.equal(ids.length + (await taken(queue, 300 - ids.length)).length, 300)
  })

  it('hands a job out again when its lease ran out, as a suspect, and the late one cannot renew', async () => {
    const queue = newName()
    await bench.publish(queue, 1)
    const [first] = await bench.take(queue, 1, 30)
    assert.ok(first)
    const [second] = await taken(queue, 1)
    assert.deepEqual([second?.id, second?.attempt, second?.isSuspect], [first.id, 2, true])
    assert.deepEqual(await engine().renew([first], leaseMs), [{ job: first, why: 'lost' }])
    await engine().done([first])
    await engine().retry(first, 0, 'too late')
    assert.deepEqual(await engine().renew([second as TakenJob], leaseMs), [], 'whoever is late changes nothing')
    await engine().done([second as TakenJob])
    assert.equal(await bench.depthOf(queue), undefined)
  })

  it('keeps a renewed lease', async () => {
    const queue = newName()
    await bench.publish(queue, 1)
    const [job] = await bench.take(queue, 1, 1000)
    assert.ok(job)
    assert.deepEqual(await engine().renew([job], leaseMs), [])
    await new Promise((resolve) => setTimeout(resolve, 1100))
    assert.deepEqual(await bench.take(queue, 1), [])
  })

  it('keeps a delayed job back until its time, and one that is tried again', async () => {
    const queue = newName()
    const delayMs = 150
    // Looked for all the time: a look that should find nothing may itself take longer than the delay.
    const afterDelay = async (since: number) => {
      const [job] = await taken(queue, 1)
      assert.ok(performance.now() - since >= delayMs, `after ${performance.now() - since} ms`)
      return job as TakenJob
    }
    const publishedAt = performance.now()
    await bench.publish(queue, 1, { delayMs })
    const job = await afterDelay(publishedAt)
    const failedAt = performance.now()
    await engine().retry(job, delayMs, 'failed')
    const again = await afterDelay(failedAt)
    assert.deepEqual([again.attempt, again.isSuspect], [2, false], 'its last attempt ended with a word')
  })

  it('keeps one job per deduplication id, of many published at the same time, and says whose it is', async () => {
    const queue = newName()
    const job = (n: number) => jobOf(queue, n, { deduplicationId: `id-${n % 5}` })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => engine().publish([job(n), job(n + 1)])))
    assert.equal(answers.flat().filter(({ isNew }) => isNew).length, 5)
    assert.equal(new Set(answers.flat().map(({ id }) => id)).size, 5)
    const all = await taken(queue, 5)
    const [repeated] = await engine().publish([job(0)])
    assert.equal(repeated?.isNew, false, 'also while the first one is being handled')
    assert.deepEqual(await bench.take(queue, 1), [])
    await engine().done(all)
    await waitUntil(async () => (await engine().publish([job(0)]))[0]?.isNew, { what: 'the id to be free', timeoutMs })
  })

  it('keeps a deduplication id for its window, though its job is done', async () => {
    const queue = newName()
    const job = (n: number, deduplicationWindowMs: number) =>
      jobOf(queue, n, { deduplicationId: `id-${deduplicationWindowMs}`, deduplicationWindowMs })
    await engine().publish([job(1, 300), job(2, 600_000)])
    await engine().done(await taken(queue, 2))
    assert.equal((await engine().publish([job(3, 600_000)]))[0]?.isNew, false)
    await waitUntil(async () => (await engine().publish([job(4, 300)]))[0]?.isNew, { what: 'its end', timeoutMs })
    assert.deepEqual(numbersOf(await taken(queue, 1)), [4])
  })

  it('hands out jobs of one key one after the other, in their order; those of others beside them', async () => {
    const queue = newName()
    const jobs = Array.from({ length: 8 }, (_, n) => jobOf(queue, n, { key: n % 2 === 0 ? 'even' : 'odd' }))
    await engine().publish(jobs.slice(0, 5))
    await engine().publish(jobs.slice(5))
    const seen: unknown[] = []
    for (let round = 0; round < 4; round++) {
      const two = await taken(queue, 2)
      assert.deepEqual(await bench.take(queue, 2), [])
      seen.push(numbersOf(two).sort())
      if (round === 1) await engine().retry(two.find(({ key }) => key === 'odd') as TakenJob, 0, 'failed')
      const [again] = round === 1 ? await taken(queue, 1) : []
      if (again) assert.deepEqual([again.payload['n'], again.attempt], [3, 2], 'a failing one is waited for')
      await engine().done(again ? [again, two.find(({ key }) => key === 'even') as TakenJob] : two)
    }
    assert.deepEqual(seen, [
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
    ])
  })

  it('waits with the next job of a key while the one before it waits for its next attempt', async () => {
    const queue = newName()
    await bench.publish(queue, 2, { key: 'k' })
    await engine().retry((await taken(queue, 1))[0] as TakenJob, 200, 'failed')
    const next: TakenJob[] = []
    const some = async () => next.push(...(await bench.take(queue, 2))) > 0
    await waitUntil(some, { what: 'the next one', timeoutMs })
    const [first] = next
    assert.deepEqual([numbersOf(next), first?.attempt], [[0], 2])
    await engine().done([first as TakenJob])
    assert.deepEqual(numbersOf(await taken(queue, 1)), [1])
  })

  if (lacks.priorities === undefined) {
    it('hands out higher priorities before what came earlier, within a moment; those of one in their order', async () => {
      const queue = newName()
      const low = 200
      await bench.publish(queue, low)
      await engine().publish([0, 1, 2].map((n) => jobOf(queue, low + n, { priority: 5 })))
      const seen: number[] = []
      await waitUntil(
        async () => {
          seen.push(...(numbersOf(await bench.take(queue, 1)) as number[]))
          return seen.filter((n) => n >= low).length === 3
        },
        { what: 'those of the higher priority', timeoutMs, intervalMs: 25 },
      )
      assert.ok(seen.length < low, 'before the others were through')
      assert.deepEqual(
        seen.filter((n) => n >= low),
        [low, low + 1, low + 2],
      )
    })
  }

  it('a job that is handed back with refund has lost no attempt; a dead one is counted and not handed out', async () => {
    const queue = newName()
    await bench.publish(queue, 1)
    const [first] = await bench.take(queue, 1)
    await engine().retry(first as TakenJob, 0, 'the worker stopped', true)
    const [second] = await taken(queue, 1)
    assert.deepEqual([second?.attempt, second?.isSuspect], [1, false])
    await engine().retry(second as TakenJob, 0, 'failed')
    const [third] = await taken(queue, 1)
    assert.equal(third?.attempt, 2)
    await engine().dead(third as TakenJob, 'failed for good')
    assert.deepEqual(await bench.take(queue, 1), [])
    const depth = await bench.depthOf(queue)
    assert.deepEqual([depth?.waiting, depth?.delayed, depth?.leased, depth?.dead], [0, 0, 0, 1])
    const state = await engine().job(queue, (third as TakenJob).id)
    assert.equal(state?.state, 'dead')
    assert.deepEqual(
      state?.failures.map(({ attempt, reason }) => [attempt, reason]),
      [
        [1, 'failed'],
        [2, 'failed for good'],
      ],
    )
  })

  it('tells the state of a job, and of how many there are of each', async () => {
    const queue = newName()
    const [now, later] = await engine().publish([jobOf(queue, 0), jobOf(queue, 1, { delayMs: 600_000 })])
    assert.ok(now && later)
    const stateOf = async (id: string) => (await engine().job(queue, id))?.state
    assert.deepEqual([await stateOf(now.id), await stateOf(later.id)], ['waiting', 'delayed'])
    const [job] = await taken(queue, 1)
    assert.equal(await stateOf(now.id), 'leased')
    const depth = await bench.depthOf(queue)
    assert.deepEqual([depth?.waiting, depth?.delayed, depth?.leased], [0, 1, 1])
    await engine().done([job as TakenJob])
    assert.equal(await stateOf(now.id), undefined)
    assert.equal(await engine().job(queue, 'no id at all'), undefined)
  })

  it('cancels a job that waits, asks for one that runs, and knows nothing of one that is done', async () => {
    const queue = newName()
    const published = await bench.publish(queue, 1)
    const [delayed] = await engine().publish([jobOf(queue, 1, { delayMs: 600_000 })])
    const [job] = await taken(queue, 1)
    assert.ok(job && delayed && published[0])
    assert.equal(await engine().cancel(queue, delayed.id), 'canceled')
    assert.equal(await engine().job(queue, delayed.id), undefined)
    assert.equal(await engine().cancel(queue, job.id), 'asked')
    if (lacks.search === undefined) assert.deepEqual(await engine().renew([job], leaseMs), [{ job, why: 'canceled' }])
    await engine().done([job])
    assert.equal(await engine().cancel(queue, job.id), 'unknown')
    assert.equal(await engine().cancel(queue, 'no id at all'), 'unknown')
  })

  if (lacks.release === undefined) {
    it('frees what a process held, as suspects, and nothing of others', async () => {
      const queue = newName()
      await bench.publish(queue, 3)
      const dead = newName()
      const lost = await engine().take({ queue, max: 2, leaseMs, holder: dead })
      const [kept] = await bench.take(queue, 2)
      assert.equal(await engine().release(dead), 2)
      assert.equal(await engine().release(dead), 0)
      const again = await taken(queue, 2)
      assert.deepEqual(new Set(again.map(({ id }) => id)), new Set(lost.map(({ id }) => id)))
      assert.ok(again.every(({ attempt, isSuspect }) => attempt === 2 && isSuspect))
      assert.deepEqual(await engine().renew([kept as TakenJob], leaseMs), [])
      assert.equal((await engine().renew(lost, leaseMs)).length, 2)
    })
  }

  it('hints at jobs that others published', async () => {
    const queue = newName()
    const hints: string[] = []
    const watch = engine().watch((name) => hints.push(name))
    try {
      await waitUntil(
        async () => {
          await bench.publish(queue, 1)
          return hints.includes(queue)
        },
        { what: 'a hint', timeoutMs, intervalMs: 100 },
      )
    } finally {
      await watch.close()
    }
  })

  if (transaction) {
    it('jobs published in a transaction exist if and only if it commits', async () => {
      const queue = newName()
      const publishIn = (n: number, isFine: boolean) =>
        transaction(async (tx) => {
          const answers = await engine().publishIn(tx, [
            jobOf(queue, n),
            jobOf(queue, n + 1, { key: 'k', priority: 2 }),
          ])
          assert.deepEqual(
            answers.map(({ isNew }) => isNew),
            [true, true],
          )
          assert.deepEqual(await bench.take(queue, 1), [], 'nobody sees it before the commit')
          if (!isFine) throw new Error('rolled back')
        })
      await assert.rejects(publishIn(1, false), /rolled back/)
      assert.equal(await bench.depthOf(queue), undefined)
      await publishIn(3, true)
      assert.deepEqual(numbersOf(await taken(queue, 2)).sort(), [3, 4])
    })
  }
}
