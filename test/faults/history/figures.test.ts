// The figures of a history, on one that is written by hand.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFigures, failuresOf, latencyMs, longestPause, stalenessOf, writableAgainMs } from './figures.ts'
import type { Operation } from './operation.ts'

function done(id: number, doneMs: number, change: Partial<Operation> = {}): Operation {
  const times = { dueMs: doneMs - 4, invokedMs: doneMs - 3, doneMs }
  return { id, session: 1, object: 'list', key: 'l', access: 'write', server: 's', outcome: 'ok', ...times, ...change }
}

const refused = { outcome: 'failed', failure: 'unavailable' } as const
const history = [
  done(1, 1000),
  done(2, 1010),
  done(3, 1500, refused),
  done(4, 2010),
  done(5, 2020),
  done(6, 1030, { access: 'read', session: 2, seen: { elements: [1] } }),
  done(7, 2100, { access: 'read', session: 2, seen: { elements: [1, 2] } }),
  done(8, 1700, { ...refused, isKeyed: true }),
]

test('a pause lies between two acknowledged writes; what failed does not end it', () => {
  assert.deepEqual(longestPause(history, 'write'), { fromMs: 1010, toMs: 2010 })
  assert.deepEqual(longestPause(history, 'write', { fromMs: 2000, toMs: 3000 }), { fromMs: 2010, toMs: 2020 })
  assert.deepEqual(longestPause(history, 'read'), { fromMs: 1030, toMs: 2100 })
  assert.equal(writableAgainMs(history, 1012, 3000), 998)
})

test('failures are counted by kind, with the first and the last time', () => {
  assert.deepEqual(failuresOf(history), [
    { what: 'write failed: unavailable', count: 1, fromMs: 1500, toMs: 1500 },
    { what: 'write with a key failed: unavailable', count: 1, fromMs: 1700, toMs: 1700 },
  ])
})

test('a read is as stale as the oldest write that it lacks', () => {
  assert.deepEqual(stalenessOf(history), { reads: 2, stale: 2, behindMsMax: 2097 - 2010 })
})

test('latency counts from the due time', () => {
  assert.equal(latencyMs(history, 'write', 0.5), 4)
  assert.equal(latencyMs([], 'write', 0.5), 0)
})

test('the figures are said in lines', () => {
  assert.match(
    describeFigures(history, 1000).join('\n'),
    /longest pause 1000 ms from 0\.01 s[\s\S]*1 x write failed: una/,
  )
})
