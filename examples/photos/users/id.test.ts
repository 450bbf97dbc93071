// User ids: decimal, never twice, spread over the slots.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../uuid.ts'
import { makeUserId } from './id.ts'

test('user ids are decimal, below 2^63 for decades, and do not repeat', () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => makeUserId()))
  // About one in 4 million pairs of the same millisecond shares an id; the primary key sorts those out.
  assert.ok(ids.size > 9_950, String(ids.size))
  for (const id of ids) assert.match(id, /^[1-9][0-9]{0,18}$/)
  assert.ok(BigInt(makeUserId(Date.UTC(2090, 0, 1), 2 ** 22 - 1)) < 2n ** 63n)
})

test('later ids are greater', () => {
  assert.ok(BigInt(makeUserId(Date.UTC(2026, 5, 1), 2 ** 22 - 1)) < BigInt(makeUserId(Date.UTC(2026, 5, 1) + 1, 0)))
})

test('photo ids are UUIDs of version 7 that sort by time', () => {
  assert.match(uuidv7(), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  // The example of RFC 9562, appendix A.6, begins so.
  assert.ok(uuidv7(0x017f22e279b0).startsWith('017f22e2-79b0-7'))
  assert.ok(uuidv7(1_000) < uuidv7(1_001))
})
