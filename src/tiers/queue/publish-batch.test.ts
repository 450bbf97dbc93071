// How long a caller waits behind others while the engine is away.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { NewJob, Published } from './contract.ts'
import { PublishBatch } from './publish-batch.ts'

const job = (n: number): NewJob => ({ queue: 'mail', body: JSON.stringify({ n }), options: {} })
const range = (count: number) => Array.from({ length: count }, (_, n) => n)

/** Answers its statements one by one, as the test says. */
class SlowEngine {
  readonly asked: number[] = []
  #answer = Promise.withResolvers<void>()

  async publish(jobs: readonly NewJob[]): Promise<Published[]> {
    this.asked.push(jobs.length)
    await this.#answer.promise
    return jobs.map(({ body }) => ({ id: body, isNew: true }))
  }

  async fail(error: unknown): Promise<void> {
    await this.#next((answer) => answer.reject(error))
  }

  async succeed(): Promise<void> {
    await this.#next((answer) => answer.resolve())
  }

  async #next(say: (answer: PromiseWithResolvers<void>) => void): Promise<void> {
    const answer = this.#answer
    this.#answer = Promise.withResolvers()
    say(answer)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function open() {
  const engine = new SlowEngine()
  const clock = new ManualClock()
  const batch = new PublishBatch(engine, clock)
  const ends: Array<string | undefined> = []
  const add = (count: number) => {
    for (const n of range(count)) {
      const at = ends.push(undefined) - 1
      batch.add(job(n)).then(
        () => {
          ends[at] = 'published'
        },
        (error: TenfoldError) => {
          ends[at] = `${error.code} ${error.details['mayBeStored'] ?? '-'}`
        },
      )
    }
  }
  return { engine, clock, ends, add }
}

it('whoever has waited behind a batch that nobody answered is told so with it, and not after a wait of its own', async () => {
  const { engine, clock, ends, add } = open()
  add(1)
  add(3000)
  await clock.advance(16_000)
  add(700) // these came late
  await clock.advance(4000)
  await engine.fail(new TenfoldError('unavailable', 'no primary'))
  assert.deepEqual(new Set(ends.slice(0, 1)), new Set(['unavailable -']))
  assert.deepEqual(new Set(ends.slice(1, 3001)), new Set(['unavailable false']))
  assert.deepEqual(new Set(ends.slice(3001)), new Set([undefined]), 'they have their turn')
  assert.deepEqual(engine.asked, [1, 500])
  await clock.advance(20_000)
  await engine.fail(new TenfoldError('unavailable', 'no primary'))
  assert.deepEqual(new Set(ends.slice(3001, 3501)), new Set(['unavailable -']))
  assert.deepEqual(new Set(ends.slice(3501)), new Set(['unavailable false']))
  // Nothing is left behind: the next one is published as ever.
  add(1)
  await engine.succeed()
  await waitUntil(() => ends.at(-1) === 'published', { what: 'the publish', timeoutMs: 10_000 })
  assert.deepEqual(engine.asked, [1, 500, 1])
})

it('a long line before an engine that answers, or that refuses a batch for what is in it, is published to its end', async () => {
  const { engine, clock, ends, add } = open()
  add(1)
  add(1200)
  await clock.advance(20_000)
  await engine.fail(new TenfoldError('bad-input', 'the first one is bad'))
  assert.deepEqual(engine.asked, [1, 500])
  for (const _ of range(3)) {
    await clock.advance(20_000)
    await engine.succeed()
  }
  assert.deepEqual(engine.asked, [1, 500, 500, 200])
  assert.deepEqual(new Set(ends.slice(1)), new Set(['published']))
})
