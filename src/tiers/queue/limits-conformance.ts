// The suite of the queue tier, third part: what all processes keep together, by the ledger.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import type { QueueConformance } from './conformance.ts'
import { Bench, newName, timeoutMs } from './testing/suite.ts'
import { untilAborted } from './worker-conformance.ts'

const until = (what: string, check: () => Promise<unknown> | unknown) =>
  waitUntil(async () => Boolean(await check()), { what, timeoutMs })

export function limitsConformance(suite: QueueConformance): void {
  if (!suite.ledger) return
  const bench = new Bench(suite)

  it('never runs more of a queue at once than it may in all processes together, and all of them in the end', async () => {
    const queue = newName()
    let atOnce = 0
    let mostAtOnce = 0
    let handled = 0
    await bench.withTiers(3, async (...tiers) => {
      for (const tier of tiers) {
        tier.queue.handle(queue, { concurrency: 4, concurrencyMax: 3 }, async () => {
          mostAtOnce = Math.max(mostAtOnce, ++atOnce)
          await new Promise((resolve) => setTimeout(resolve, 5))
          atOnce--
          handled++
        })
        tier.startWorkers()
      }
      await bench.publish(queue, 60)
      await until('60 jobs', () => handled === 60)
    })
    assert.ok(mostAtOnce <= 3, `${mostAtOnce} at once`)
  })

  it('starts no more in any window than the rate, of all processes together', async () => {
    const queue = newName()
    const [count, perMs, total] = [10, 500, 35]
    const starts: number[] = []
    await bench.withTiers(2, async (...tiers) => {
      for (const tier of tiers) {
        tier.queue.handle(queue, { concurrency: 8, rate: { count, perMs } }, async () => {
          starts.push(performance.now())
        })
        tier.startWorkers()
      }
      await bench.publish(queue, total)
      await until('all jobs', () => starts.length === total)
    })
    // All but the last full window had to pass. A start is later than its grant, never sooner.
    const elapsedMs = (starts.at(-1) as number) - (starts[0] as number)
    assert.ok(elapsedMs > (Math.floor((total - 1) / count) - 1) * perMs, `${total} starts within ${elapsedMs} ms`)
  })

  it('limits the rate of each key by itself, and loses no attempt by it', async () => {
    const queue = newName()
    const seen: Array<{ key: string | undefined; attempt: number }> = []
    await bench.withTier(async (tier) => {
      tier.queue.handle(queue, { concurrency: 4, keyRate: { count: 2, perMs: 600 } }, async ({ key, attempt }) => {
        seen.push({ key, attempt })
      })
      tier.startWorkers()
      const keys = ['a', 'a', 'a', 'a', 'b', undefined]
      await tier.queue.publishMany(
        queue,
        keys.map((key) => (key === undefined ? { payload: {} } : { payload: {}, key })),
      )
      await until('all jobs', () => seen.length === keys.length)
    })
    assert.equal(seen.at(-1)?.key, 'a', 'the others did not wait for it')
    assert.ok(seen.every(({ attempt }) => attempt === 1))
  })

  it('shows how far a job is while it runs, to other processes, and forgets it with the job', async () => {
    const queue = newName()
    await bench.withTiers(2, async (one, other) => {
      one?.queue.handle(queue, {}, async (job) => {
        job.progress({ percent: 40 })
        await untilAborted(job)
      })
      one?.startWorkers()
      const published = await one?.queue.publish(queue, {})
      const id = published?.id as string
      await until('its progress', async () => {
        const state = await other?.queue.job(queue, id)
        return JSON.stringify(state?.progress) === '{"percent":40}'
      })
      await other?.queue.cancel(queue, id)
      await until('its end', async () => (await suite.ledger?.().progress.get(id)) === undefined)
    })
  })
}
