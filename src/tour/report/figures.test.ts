// Numbers as people read them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration, percent } from './figures.ts'
import { tickEvery } from './scales.ts'

test('durations have the unit that fits', () => {
  assert.deepEqual([0, 0.837, 12.34, 340.2, 1250, 59_999, 125_000].map(duration), [
    ...['0 ms', '0.84 ms', '12.3 ms', '340 ms', '1.25 s', '60.0 s', '2:05'],
  ])
})

test('an availability below one is never shown as 100 %', () => {
  assert.deepEqual([1, 0.99999999, 0.99995, 0.9985, 0].map(percent), [
    ...['100 %', '99.9999 %', '99.995 %', '99.85 %', '0 %'],
  ])
})

test('ticks stand on round numbers', () => {
  assert.deepEqual([tickEvery(230, 4), tickEvery(1, 4), tickEvery(9000, 4)], [100, 1, 5000])
})
