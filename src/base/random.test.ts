// Seeded randomness and the backoff made of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from './backoff.ts'
import { seededRandom } from './random.ts'

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number) => Array.from({ length: 20 }, seededRandom(seed).next)
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
})

test('numbers spread evenly and stay in their range', () => {
  const random = seededRandom(1)
  const buckets = new Array(10).fill(0)
  for (let n = 0; n < 100_000; n++) buckets[random.int(10)]++
  for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 500, `${buckets}`)
})

test('a backoff never exceeds its cap nor the growth of its attempt', () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.nat(), (attempt, seed) => {
      const ms = backoffMs(attempt, { baseMs: 100, capMs: 5000 }, seededRandom(seed))
      return ms >= 0 && ms < Math.min(5000, 100 * 2 ** Math.min(attempt, 30))
    }),
  )
})
