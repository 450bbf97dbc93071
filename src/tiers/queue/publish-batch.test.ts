// Which publishes share a statement, and which wait for nobody.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import type { NewJob, Published } from './contract.ts'
import { PublishBatch } from './publish-batch.ts'

const timeoutMs = 10_000
const job = (name: string, deduplicationId?: string): NewJob => ({
  queue: 'mail',
  body: JSON.stringify({ name }),
  options: deduplicationId === undefined ? {} : { deduplicationId },
})

/** Says nothing to jobs with a deduplication id before the test does. */
class Engine {
  readonly asked: string[] = []
  readonly somebodysTransaction = Promise.withResolvers<void>()
  readonly pipelines: boolean

  constructor(pipelines: boolean) {
    this.pipelines = pipelines
  }

  async publish(jobs: readonly NewJob[]): Promise<Published[]> {
    const names = jobs.map(({ body }) => JSON.parse(body).name)
    this.asked.push(names.join())
    if (jobs.some(({ options }) => options.deduplicationId)) await this.somebodysTransaction.promise
    return names.map((id) => ({ id, isNew: true }))
  }
}

it('a publish with a deduplication id that has to wait keeps no others waiting than its own like', {
  timeout: timeoutMs,
}, async () => {
  const engine = new Engine(false)
  const clock = new ManualClock()
  const batch = new PublishBatch(engine, clock)
  const named = batch.add(job('a', 'order-1'))
  const behind = batch.add(job('b', 'order-2'))
  const plain = await Promise.all(['c', 'd', 'e'].map((name) => batch.add(job(name))))
  assert.deepEqual(
    plain.map(({ id }) => id),
    ['c', 'd', 'e'],
  )
  assert.deepEqual(engine.asked, ['a', 'c', 'd,e'])
  await clock.advance(20_000)
  engine.somebodysTransaction.reject(new TenfoldError('timeout', 'somebody has order-1'))
  await assert.rejects(named, { code: 'timeout' })
  await assert.rejects(behind, { code: 'unavailable', details: { mayBeStored: false } })
  assert.equal((await batch.add(job('f'))).id, 'f')
})

it('an engine that pipelines is given every publish at once', { timeout: timeoutMs }, async () => {
  const engine = new Engine(true)
  const batch = new PublishBatch(engine, new ManualClock())
  const published = await Promise.all(['a', 'b', 'c'].map((name) => batch.add(job(name))))
  assert.deepEqual(
    published.map(({ id }) => id),
    ['a', 'b', 'c'],
  )
  assert.deepEqual(engine.asked, ['a', 'b', 'c'])
})
