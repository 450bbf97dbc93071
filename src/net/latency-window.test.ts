// What the last seconds were like, and nothing of what was before.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import { LatencyWindow } from './latency-window.ts'

test('quantiles are those of the last seconds, and none when there was nothing', async () => {
  const clock = new ManualClock()
  const window = new LatencyWindow(clock)
  assert.equal(window.quantile(0.99), undefined)
  for (let ms = 1; ms <= 100; ms++) window.record(ms)
  const p99 = window.quantile(0.99) ?? 0
  assert.ok(p99 >= 98 && p99 <= 101, `${p99}`)
  await clock.advance(5000)
  window.record(500)
  assert.ok((window.quantile(0.99) ?? 0) <= 101, 'the complete window counts, not the one that has just begun')
  await clock.advance(5000)
  assert.ok((window.quantile(0.99) ?? 0) >= 490)
  await clock.advance(20_000)
  assert.equal(window.quantile(0.99), undefined)
})
