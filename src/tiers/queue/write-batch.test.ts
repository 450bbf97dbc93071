// What goes in one statement, how much may wait, and how long a caller waits behind others while the engine is away.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { WriteBatch } from './write-batch.ts'

const megabyte = 1024 * 1024
const range = (count: number) => Array.from({ length: count }, (_, n) => n)

/** Answers its statements one by one, as the test says. */
class SlowEngine {
  readonly batches: number[][] = []
  #answer = Promise.withResolvers<void>()

  get sizes(): number[] {
    return this.batches.map(({ length }) => length)
  }

  async write(notes: number[]): Promise<string[]> {
    this.batches.push(notes)
    await this.#answer.promise
    return notes.map((n) => `wrote ${n}`)
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
  const write = (notes: number[]) => engine.write(notes)
  const batch = new WriteBatch<number, string>({ what: 'notes', done: 'written', batchMax: 500, write }, clock)
  const ends: Array<string | undefined> = []
  /** What a call writes is its number among all. */
  const add = (calls: number, { count = 1, length = 10 } = {}) => {
    for (const _ of range(calls)) {
      const n = ends.push(undefined) - 1
      batch.add(n, count, length).then(
        (answer) => {
          ends[n] = answer
        },
        ({ code, message, details }: TenfoldError) => {
          ends[n] = code === 'overloaded' ? message : `${code} ${details['mayBeStored'] ?? '-'}`
        },
      )
    }
  }
  return { engine, clock, ends, add }
}

it('whoever has waited behind a batch that nobody answered is told so with it, and not after a wait of its own', async () => {
  for (const code of ['unavailable', 'timeout', 'outcome-unknown'] as const) {
    const { engine, clock, ends, add } = open()
    add(1)
    add(3000)
    await clock.advance(16_000)
    add(700) // these came late
    await clock.advance(4000)
    await engine.fail(new TenfoldError(code, 'no primary'))
    assert.equal(ends[0], `${code} -`)
    assert.deepEqual(new Set(ends.slice(1, 3001)), new Set(['unavailable false']))
    assert.deepEqual(new Set(ends.slice(3001)), new Set([undefined]), 'they have their turn')
    assert.deepEqual(engine.sizes, [1, 500])
    await clock.advance(20_000)
    await engine.fail(new TenfoldError(code, 'no primary'))
    assert.deepEqual(new Set(ends.slice(3001, 3501)), new Set([`${code} -`]))
    assert.deepEqual(new Set(ends.slice(3501)), new Set(['unavailable false']))
    // Nothing is left behind: the next one is written as ever.
    add(1)
    await engine.succeed()
    assert.equal(ends.at(-1), 'wrote 3701')
    assert.deepEqual(engine.sizes, [1, 500, 1])
  }
})

it('a long line before an engine that answers, or that refuses a batch for what is in it, is written to its end', async () => {
  const { engine, clock, ends, add } = open()
  add(1)
  add(1200)
  await clock.advance(20_000)
  await engine.fail(new TenfoldError('bad-input', 'the first one is bad'))
  for (const _ of range(3)) {
    await clock.advance(20_000)
    await engine.succeed()
  }
  assert.deepEqual(engine.sizes, [1, 500, 500, 200])
  assert.deepEqual(
    ends.slice(1),
    range(1200).map((n) => `wrote ${n + 1}`),
  )
})

it('a batch ends before the call that would be too much for it, by count or by length, and holds one call at least', async () => {
  const { engine, ends, add } = open()
  add(1, { count: 900, length: 9 * megabyte })
  add(2, { count: 250 })
  add(1)
  add(1, { count: 500 })
  add(2, { length: 2 * megabyte })
  add(1)
  add(1, { length: 5 * megabyte })
  for (const _ of range(6)) await engine.succeed()
  assert.deepEqual(engine.batches, [[0], [1, 2], [3], [4], [5, 6], [7], [8]])
  await engine.succeed()
  assert.ok(ends.every((end, n) => end === `wrote ${n}`))
})

it('refuses more than may wait, by count or by length; what comes when nothing waits is taken, however much it is', async () => {
  const heavy: Array<{ count: number; length?: number }> = [
    { count: 20_000 },
    { count: 1, length: 128 * megabyte },
    { count: 30_000, length: 200 * megabyte },
  ]
  for (const much of heavy) {
    const { engine, ends, add } = open()
    add(1)
    add(1, much)
    add(1)
    await engine.succeed()
    assert.deepEqual(ends, ['wrote 0', undefined, `${much.count} notes wait to be written already`])
    // What is being written does not wait any more.
    add(2, { count: 10_000, length: 64 * megabyte })
    for (const _ of range(3)) await engine.succeed()
    assert.deepEqual([ends[1], ...ends.slice(3)], ['wrote 1', 'wrote 3', 'wrote 4'])
  }
})
