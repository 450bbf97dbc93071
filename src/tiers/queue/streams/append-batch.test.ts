// Appends of many callers: in their order, each caller's together, and how long they wait while no server answers.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ManualClock } from '../../../base/clock.ts'
import { TenfoldError } from '../../../base/errors.ts'
import { AppendBatch } from './append-batch.ts'
import type { Appended, NewEntry } from './contract.ts'

const timeoutMs = 10_000

/** An append that the test has not answered yet. */
interface Asked {
  entries: readonly NewEntry[]
  answer: PromiseWithResolvers<void>
}

/** Positions are counted up, as entries come. */
class SlowEngine {
  readonly asked: Asked[] = []
  #position = 0

  async append(entries: readonly NewEntry[]): Promise<Appended[]> {
    const answer = Promise.withResolvers<void>()
    const positions = entries.map(() => ({ position: String(this.#position++) }))
    this.asked.push({ entries, answer })
    await answer.promise
    return positions
  }
}

let made = 0
const entries = (count: number, text = ''): NewEntry[] =>
  Array.from({ length: count }, () => ({
    stream: 'events',
    body: JSON.stringify({ n: made++, text }),
    key: undefined,
    trace: undefined,
  }))

function open() {
  made = 0
  const engine = new SlowEngine()
  const clock = new ManualClock()
  const batch = new AppendBatch(engine, clock)
  const add = (count: number, text?: string) => batch.add(entries(count, text))
  /** Of the statement before the one that comes then. */
  const answer = async (say: (asked: PromiseWithResolvers<void>) => void = ({ resolve }) => resolve()) => {
    say((engine.asked.at(-1) as Asked).answer)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { engine, clock, add, answer }
}

it('appends in the order of the calls, tells each caller its own positions, and parts no caller’s entries', {
  timeout: timeoutMs,
}, async () => {
  const { engine, add, answer } = open()
  const calls = [add(1), add(3), add(600), add(600), add(2500), add(1), add(2)]
  for (const _ of Array(5)) await answer()
  const appended = (await Promise.all(calls)).map((its) => its.map(({ position }) => Number(position)))
  const numbers = Array.from({ length: 3707 }, (_, n) => n)
  assert.deepEqual(
    appended.map(({ length }) => length),
    [1, 3, 600, 600, 2500, 1, 2],
  )
  assert.deepEqual(appended.flat(), numbers)
  assert.deepEqual(
    engine.asked.map((each) => each.entries.length),
    [1, 603, 600, 2500, 3],
  )
  const written = engine.asked.flatMap((each) => each.entries.map(({ body }) => JSON.parse(body).n))
  assert.deepEqual(written, numbers)
})

it('large entries of many callers go in several statements', { timeout: timeoutMs }, async () => {
  const { engine, add, answer } = open()
  const calls = [add(1), ...Array.from({ length: 6 }, () => add(10, 'x'.repeat(200_000)))]
  for (const _ of Array(4)) await answer()
  await Promise.all(calls)
  assert.deepEqual(
    engine.asked.map((each) => each.entries.length),
    [1, 20, 20, 20],
  )
})

it('whoever has waited 5 s behind an append that nobody answered is told so with it; who came later has a turn', {
  timeout: timeoutMs,
}, async () => {
  const { engine, clock, add, answer } = open()
  const first = add(1)
  const waited = [add(1), add(900), add(900)]
  await clock.advance(16_000)
  const late = add(2)
  await clock.advance(4000)
  const settled = Promise.allSettled([first, ...waited])
  await answer(({ reject }) => reject(new TenfoldError('unavailable', 'no primary')))
  const ends = (await settled).map((end) => end.status === 'rejected' && [end.reason.code, end.reason.details])
  const unsent = ['unavailable', { mayBeStored: false }]
  assert.deepEqual(ends, [['unavailable', {}], unsent, unsent, unsent])
  await answer()
  assert.equal((await late).length, 2)
  assert.deepEqual(
    engine.asked.map((each) => each.entries.length),
    [1, 2],
  )
})
