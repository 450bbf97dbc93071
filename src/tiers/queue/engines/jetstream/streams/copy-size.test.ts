// A copy has room for twice what it holds, within its bounds, and is never told to drop what it has.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { copyBytes } from './copy-size.ts'
import { streamLimits } from './options.ts'

const mebibyte = 1024 ** 2
const { bytesMin, bytesMax } = streamLimits

test('a copy grows before it is full, and is made smaller when it holds far less', () => {
  const bytes = (held: number, now: number) => copyBytes({ held: held * mebibyte, now: now * mebibyte }) / mebibyte
  assert.deepEqual([bytes(0, 16), bytes(7, 16), bytes(10, 16), bytes(10, 64), bytes(10, 1024)], [16, 16, 32, 64, 32])
  assert.deepEqual([bytes(1000, 1024), bytes(5000, 1024), bytes(200, 1536)], [1024, 1024, 512])
})

test('what it holds stays, and asked again it stays as it is', () => {
  const size = fc.integer({ min: 0, max: bytesMax })
  fc.assert(
    fc.property(size, fc.integer({ min: 0, max: 3 * bytesMax }), (held, before) => {
      const now = Math.max(bytesMin, before)
      const bytes = copyBytes({ held, now })
      assert.ok(bytes >= Math.min(held, bytesMax) && bytes >= bytesMin && bytes <= bytesMax)
      assert.equal(copyBytes({ held, now: bytes }), bytes)
    }),
  )
})
