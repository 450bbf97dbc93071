// The pauses between attempts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../base/random.ts'
import { decorrelatedMs } from './patience.ts'

test('pauses grow from the last one, and stay between their bounds', () => {
  const random = seededRandom(7)
  const pauses = Array.from({ length: 1000 }, () => 0)
  let last = 50
  for (const i of pauses.keys()) {
    const next = decorrelatedMs(last, random)
    assert.ok(next >= 50 && next <= Math.min(2000, last * 3), `${next} after ${last}`)
    pauses[i] = last = next
  }
  assert.ok(Math.max(...pauses) > 1500, 'they never grew')
  assert.ok(new Set(pauses).size > 100, 'two that met once would meet again')
})
