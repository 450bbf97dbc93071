// The suite of the queue tier, last part: what must hold over a whole history, with workers that die in between.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { seededRandom } from '../../base/random.ts'
import type { QueueConformance } from './conformance.ts'
import { Bench, newName, timeoutMs } from './testing/suite.ts'

interface Event {
  kind: 'begin' | 'end'
  key: string
  n: number
}

export function historyConformance(suite: QueueConformance): void {
  const bench = new Bench(suite)

  /** Takers that take and are never heard of again. */
  async function die(queue: string, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await bench.engine.take({ queue, max: 5, leaseMs: 150, holder: `r/dying-${i}` })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  it('loses no job while workers die: each one is handled at least once', async () => {
    const queue = newName()
    const total = 200
    await bench.publish(queue, total)
    const handled = new Set<number>()
    await bench.withTier(async (tier) => {
      tier.queue.handle<{ n: number }>(queue, { concurrency: 8, attemptsMax: 100 }, async ({ payload }) => {
        handled.add(payload.n)
      })
      const deaths = die(queue, 10)
      tier.startWorkers()
      await deaths
      await waitUntil(async () => !(await bench.depthOf(queue)), { what: 'an empty queue', timeoutMs })
    })
    assert.equal(handled.size, total)
  })

  it('keeps the order of each key under several workers, takers that die, and attempts that fail', async () => {
    const queue = newName()
    const [keys, perKey, seed] = [6, 20, 4711]
    const random = seededRandom(seed)
    const events: Event[] = []
    const options = { concurrency: 4, attemptsMax: 1000, backoff: { baseMs: 1, capMs: 20 } }
    await bench.withTiers(3, async (...tiers) => {
      for (const tier of tiers)
        tier.queue.handle<{ n: number }>(queue, options, async ({ payload: { n }, key = '' }) => {
          events.push({ kind: 'begin', key, n })
          await new Promise((resolve) => setTimeout(resolve, random.int(3)))
          if (random.next() < 0.1) throw new Error('now and then')
          events.push({ kind: 'end', key, n })
        })
      const publish = async () => {
        for (let n = 0; n < perKey; n++)
          for (let key = 0; key < keys; key++) await tiers[0]?.queue.publish(queue, { n }, { key: `k${key}` })
      }
      const published = publish()
      for (const tier of tiers) tier.startWorkers()
      await Promise.all([published, die(queue, 10)])
      await waitUntil(async () => !(await bench.depthOf(queue)), { what: 'an empty queue', timeoutMs: timeoutMs * 2 })
    })
    for (const [key, its] of Map.groupBy(events, ({ key }) => key)) assertInOrder(key, its, perKey, seed)
    assert.equal(new Set(events.map(({ key }) => key)).size, keys)
  })
}

/** Each begins after the one before it has ended. One that had ended may run again only while its end was not known. */
function assertInOrder(key: string, events: readonly Event[], count: number, seed: number): void {
  let ended = -1
  for (const { kind, n } of events) {
    if (kind === 'begin') assert.ok(n <= ended + 1, `${key}: ${n} began when ${ended} had ended (seed ${seed})`)
    else ended = Math.max(ended, n)
  }
  assert.equal(ended, count - 1, `${key}: every one of its jobs ended (seed ${seed})`)
}
