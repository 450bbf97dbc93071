// The average that believes bad news at once.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PeakEwma } from './peak-ewma.ts'

test('a peak counts at once and fades as in the worked example', () => {
  const latency = new PeakEwma()
  assert.equal(latency.at(0), 0)
  latency.record(5, 0)
  latency.record(80, 0)
  assert.equal(latency.at(0), 80)
  assert.ok(Math.abs(latency.at(10_000) - 29.4) < 0.1)
  latency.record(5, 10_000)
  assert.ok(Math.abs(latency.at(10_000) - 32.6) < 0.1)
})

test('time that seems to go back changes nothing', () => {
  const latency = new PeakEwma()
  latency.record(10, 5000)
  assert.equal(latency.at(1000), 10)
})
