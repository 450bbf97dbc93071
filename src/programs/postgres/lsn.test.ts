// Positions in the log survive the way there and back, and nonsense is refused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatLsn, parseLsn } from './lsn.ts'

test('the worked example holds', () => {
  assert.equal(parseLsn('16/B374D848'), 97500059720n)
  assert.equal(formatLsn(97500059720n), '16/B374D848')
  assert.equal(formatLsn(0n), '0/0')
})

test('every position comes back from its text', () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => parseLsn(formatLsn(lsn)) === lsn))
})

test('what is no position is refused', () => {
  for (const text of ['', '0', '0/', '/0', '0/123456789', 'g/0', '0/0 '])
    assert.throws(() => parseLsn(text), { code: 'bad-input' }, text)
})
