// The number of processes over time: never out of its bounds, up at once, down only after a window, a step at a time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { firstState, nextNumber, remember, type ScaleRules, type ScaleState } from './next-number.ts'

const rules: ScaleRules = { least: 2, most: 20, stabiliseMs: 300_000, coolDownMs: 30_000 }

test('more are wanted at once, at most twice as many or four more', () => {
  assert.equal(look(firstState(2, 0), 3, 1000, rules).number, 3)
  assert.equal(look(firstState(2, 0), 20, 1000, rules).number, 6)
  assert.equal(look(firstState(8, 0), 20, 1000, rules).number, 16)
})

test('fewer are wanted only when a whole window asked for fewer, by half, with a cool-down between', () => {
  const changes = changesOf(8, rules, (atMs) => (atMs === 0 ? 8 : 2), 400_000)
  assert.deepEqual(changes, [
    { atMs: 301_000, number: 4 },
    { atMs: 331_000, number: 2 },
  ])
})

test('a peak within the window begins it again, and what it asked for is kept for as long', () => {
  const changes = changesOf(8, rules, (atMs) => (atMs === 200_000 ? 6 : 3), 600_000)
  assert.deepEqual(changes, [
    { atMs: 300_000, number: 6 },
    { atMs: 501_000, number: 3 },
  ])
})

test('whoever has just begun to look takes nothing away for a window', () => {
  const changes = changesOf(9, rules, () => 2, 299_000)
  assert.deepEqual(changes, [])
})

test('after a gap in what was seen a whole window is waited for again', () => {
  const before = look(look(firstState(8, 0), 8, 0, rules), 2, 1000, rules)
  assert.equal(look(before, 2, 20_000, rules).sinceMs, 0)
  const after = look(before, 2, 900_000, rules)
  assert.equal(after.number, 8)
  assert.equal(after.sinceMs, 900_000)
})

test('bounds that change hold at once', () => {
  const state = firstState(5, 0)
  assert.equal(look(state, 5, 1000, { ...rules, least: 7 }).number, 7)
  assert.equal(look(state, 5, 1000, { ...rules, most: 3 }).number, 3)
})

/** Demands at irregular times, under any rules. */
const history = fc.record({
  first: fc.integer({ min: 1, max: 30 }),
  least: fc.integer({ min: 1, max: 10 }),
  above: fc.integer({ min: 0, max: 20 }),
  stabiliseMs: fc.integer({ min: 0, max: 60_000 }),
  coolDownMs: fc.integer({ min: 0, max: 60_000 }),
  looks: fc.array(fc.record({ gapMs: fc.integer({ min: 0, max: 20_000 }), demand: fc.integer({ min: 0, max: 60 }) }), {
    maxLength: 60,
  }),
})

test('whatever is asked for: within the bounds, in bounded steps, and never down past what the window asked for', () => {
  fc.assert(
    fc.property(history, ({ first, least, above, stabiliseMs, coolDownMs, looks }) => {
      const bounds = { least, most: least + above, stabiliseMs, coolDownMs }
      const clamp = (number: number) => Math.min(bounds.most, Math.max(least, number))
      const asked: Array<{ atMs: number; demand: number }> = []
      let state: ScaleState = { ...firstState(first, 0), number: clamp(first) }
      let atMs = 0
      let fellAtMs = Number.NEGATIVE_INFINITY
      for (const { gapMs, demand } of looks) {
        atMs += gapMs
        asked.push({ atMs, demand: clamp(demand) })
        const before = state.number
        state = look(state, demand, atMs, bounds)
        const { number } = state
        assert.ok(number >= least && number <= bounds.most)
        assert.ok(number <= Math.max(before * 2, before + 4) && number >= before / 2)
        assert.ok(state.demands.length <= bounds.most)
        if (number > before) assert.ok(number <= clamp(demand))
        if (number < before) {
          const highest = Math.max(...asked.flatMap((past) => (atMs - past.atMs <= stabiliseMs ? past.demand : [])))
          assert.ok(number >= highest, `${before} to ${number}, though the window asked for ${highest}`)
          assert.ok(atMs >= stabiliseMs && atMs - fellAtMs >= coolDownMs)
          fellAtMs = atMs
        }
      }
    }),
  )
})

test('a demand that stays is reached and kept', () => {
  fc.assert(
    fc.property(
      history,
      fc.integer({ min: 0, max: 60 }),
      ({ first, least, above, stabiliseMs, coolDownMs }, demand) => {
        const bounds = { least, most: least + above, stabiliseMs, coolDownMs }
        const goal = Math.min(bounds.most, Math.max(least, demand))
        let state = firstState(first, 0)
        const numbers: number[] = []
        for (let atMs = 0; atMs <= stabiliseMs + 8 * coolDownMs + 10_000; atMs += 1000) {
          state = look(state, demand, atMs, bounds)
          numbers.push(state.number)
        }
        assert.equal(numbers.at(-1), goal)
        const rising = numbers.every((number, at) => at === 0 || number >= (numbers[at - 1] as number))
        const falling = numbers.every((number, at) => at === 0 || number <= (numbers[at - 1] as number))
        assert.ok(rising || falling, `turned round: ${numbers}`)
      },
    ),
    { numRuns: 50 },
  )
})

function look(state: ScaleState, demand: number, atMs: number, bounds: ScaleRules): ScaleState {
  return nextNumber(remember(state, demand, atMs, bounds), atMs, bounds)
}

/** Looks once a second, the demand being a function of time, and tells when the number changed. */
function changesOf(
  first: number,
  bounds: ScaleRules,
  demandAt: (atMs: number) => number,
  untilMs: number,
): Array<{ atMs: number; number: number }> {
  const changes: Array<{ atMs: number; number: number }> = []
  let state = firstState(first, 0)
  for (let atMs = 0; atMs <= untilMs; atMs += 1000) {
    const before = state.number
    state = look(state, demandAt(atMs), atMs, bounds)
    if (state.number !== before) changes.push({ atMs, number: state.number })
  }
  return changes
}
