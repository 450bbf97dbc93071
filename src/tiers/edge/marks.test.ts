// Marks end by themselves, and there are never too many.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../base/clock.ts'
import { marksMax } from './limits.ts'
import { Marks } from './marks.ts'

test('a mark holds for its time, the newer of two counts, and it can be taken away', async () => {
  const clock = new ManualClock()
  const marks = new Marks(clock)
  marks.add('a', 100)
  marks.add('b', 100)
  await clock.advance(50)
  marks.add('a', 100)
  assert.deepEqual([marks.has('a'), marks.has('b'), marks.has('c')], [true, true, false])
  await clock.advance(50)
  assert.deepEqual([marks.has('a'), marks.has('b')], [true, false])
  marks.delete('a')
  assert.equal(marks.has('a'), false)
})

test('of too many the oldest are forgotten, and those of late are not', () => {
  const marks = new Marks(new ManualClock())
  const count = 2 * marksMax
  for (let i = 0; i < count; i++) marks.add(`${i}`, 1000)
  const known = Array.from({ length: count }, (_, i) => marks.has(`${i}`))
  assert.ok(known.filter(Boolean).length <= marksMax)
  assert.equal(known.slice(-marksMax / 2).every(Boolean), true)
})
