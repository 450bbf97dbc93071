// The plan of a tour: which acts, and that they fit into the time given.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTenfoldError } from '../base/errors.ts'
import { type Act, checkMinutes, holdMs, planActs, titleOf } from './scenario.ts'

/** Plays the scenario with acts that take the given times; answers the whole length and that of every hold. */
function play(acts: readonly Act[], minutes: number, tookMs: (act: Act) => number) {
  let elapsedMs = 0
  const holds: number[] = []
  for (const [index, act] of acts.entries()) {
    const ms = act.kind === 'hold' ? holdMs(acts.slice(index), minutes * 60_000 - elapsedMs) : tookMs(act)
    if (act.kind === 'hold') holds.push(ms)
    elapsedMs += ms
  }
  return { elapsedMs, holds }
}

test('the tour climbs every rung, breaks what each must survive, and comes down again', () => {
  assert.deepEqual(planActs(3).map(titleOf), [
    ...['hold rung 1', 'climb 1 → 2', 'hold rung 2', 'climb 2 → 3', 'hold rung 3', 'kill -9 web 1', 'hold rung 3'],
    ...['kill -9 web 2', 'hold rung 3', 'descend 3 → 2', 'hold rung 2', 'descend 2 → 1', 'hold rung 1'],
  ])
  const onFour = planActs(4).filter((act) => act.kind !== 'hold' && act.kind !== 'climb' && act.rung === 4)
  assert.deepEqual(onFour.map(titleOf), ['kill -9 replica', 'kill -9 primary', 'switchover', 'pause primary'])
  const trialsOn = (rung: number) =>
    planActs(9)
      .filter((act) => act.kind !== 'hold' && act.kind !== 'climb' && act.rung === rung)
      .map(titleOf)
  assert.deepEqual(trialsOn(5), ['kill -9 cache'])
  assert.deepEqual(trialsOn(6), ['kill -9 front 1', 'purge by tag', 'kill -9 front 2'])
  assert.deepEqual(trialsOn(7), ['kill -9 web 1', 'kill -9 web 2', 'kill -9 web 3'])
  assert.deepEqual(trialsOn(9), ['kill -9 worker', 'kill -9 broker 1', 'pause broker 2'])
})

test('whatever the acts take, the whole fits into the minutes and leaves time to verify', () => {
  for (const minutes of [1.5, 3, 10])
    for (const ms of [200, 3000]) {
      const { elapsedMs, holds } = play(planActs(3), minutes, () => ms)
      assert.ok(elapsedMs <= minutes * 60_000 - 20_000, `${minutes} minutes: ${elapsedMs} ms`)
      assert.ok(elapsedMs > minutes * 60_000 * 0.5, `${minutes} minutes: only ${elapsedMs} ms`)
      assert.ok(Math.min(...holds) >= 1500)
    }
})

test('a slow climb is made up for by shorter holds, never below their least', () => {
  const quick = play(planActs(3), 3, () => 1000)
  const slow = play(planActs(3), 3, () => 20_000)
  assert.ok((slow.holds.at(-1) ?? 0) < (quick.holds.at(-1) ?? 0))
  assert.ok(Math.min(...slow.holds) >= 1500)
})

test('a tour that cannot fit is refused with the least that can', () => {
  assert.throws(
    () => checkMinutes(planActs(3), 0.2),
    (error) => isTenfoldError(error, 'bad-input') && /at least 0.9 minutes, got 0.2/.test(error.message),
  )
  checkMinutes(planActs(3), 3)
  checkMinutes(planActs(9), 3)
})
