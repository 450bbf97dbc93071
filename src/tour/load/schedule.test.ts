// The open loop: due times on a clock of the test's own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, ManualClock } from '../../base/clock.ts'
import { runArrivals } from './schedule.ts'

test('arrivals are due at a constant rate from the start', async () => {
  const clock = new ManualClock(1000)
  const due: number[] = []
  const run = runArrivals(
    (at) => due.push(at),
    new AbortController().signal,
    { ratePerSecond: 200, countMax: 5 },
    clock,
  )
  await clock.advance(100)
  await run
  assert.deepEqual(due, [1000, 1005, 1010, 1015, 1020])
})

test('after a stall every arrival that was due comes at once, with the time at which it was due', async () => {
  let nowMs = 0
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
    },
  }
  const arrivals: Array<{ due: number; at: number }> = []
  const arrive = (due: number) => {
    arrivals.push({ due, at: nowMs })
    if (due === 10) nowMs += 1000 // the process does not get to run
  }
  await runArrivals(arrive, new AbortController().signal, { ratePerSecond: 200, countMax: 210 }, clock)
  assert.deepEqual(
    arrivals.map(({ due }) => due),
    Array.from({ length: 210 }, (_, index) => index * 5),
  )
  const waits = arrivals.filter(({ due, at }) => at > due).map(({ due, at }) => at - due)
  assert.deepEqual([waits.length, waits[0], waits.at(-1)], [199, 995, 5])
})

test('an abort ends the schedule without another arrival', async () => {
  const clock = new ManualClock(0)
  const stop = new AbortController()
  let count = 0
  const run = runArrivals(() => count++, stop.signal, { ratePerSecond: 10 }, clock)
  await clock.advance(250)
  stop.abort()
  await run
  assert.equal(count, 3)
})
