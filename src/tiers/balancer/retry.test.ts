// Which requests may be repeated, and the budget for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Failure, isRepeatable, mayRepeat, RetryBudget } from './retry.ts'

const failure = (kind: Failure['kind'], wasSent: boolean): Failure => ({ kind, wasSent, reason: '' })

test('what was not sent may be repeated whatever its method, as long as its body is still there', () => {
  assert.equal(mayRepeat(failure('refused', false), { isRepeatable: false, isBodyKept: true }), true)
  assert.equal(mayRepeat(failure('refused', false), { isRepeatable: false, isBodyKept: false }), false)
})

test('what was sent may be repeated only where twice is the same as once', () => {
  assert.equal(mayRepeat(failure('reset', true), { isRepeatable: true, isBodyKept: true }), true)
  assert.equal(mayRepeat(failure('reset', true), { isRepeatable: true, isBodyKept: false }), false)
  assert.equal(mayRepeat(failure('reset', true), { isRepeatable: false, isBodyKept: true }), false)
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
    assert.equal(isRepeatable(method, false), true, method)
  for (const method of ['POST', 'PATCH', 'LOCK', 'get']) {
    assert.equal(isRepeatable(method, false), false, method)
    assert.equal(isRepeatable(method, true), true, `${method} with an Idempotency-Key`)
  }
})

test('a time-out and a request that no server can be asked are never repeated', () => {
  assert.equal(mayRepeat(failure('timeout', true), { isRepeatable: true, isBodyKept: true }), false)
  assert.equal(mayRepeat(failure('unsendable', false), { isRepeatable: true, isBodyKept: true }), false)
})

test('in a long outage the budget allows its ratio of retries and no more', () => {
  const budget = new RetryBudget(0.25, 10)
  let retries = 0
  for (let request = 0; request < 1000; request++) {
    budget.deposit()
    while (budget.withdraw()) retries++
  }
  assert.ok(retries <= 10 + 0.25 * 1000 && retries >= 0.25 * 1000, `${retries}`)
})
