// The budget of retries.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RetryBudget } from './retry-budget.ts'

test('in a long outage the budget allows its ratio of retries and no more', () => {
  const budget = new RetryBudget(0.25, 10)
  let retries = 0
  for (let request = 0; request < 1000; request++) {
    budget.deposit()
    while (budget.withdraw()) retries++
  }
  assert.ok(retries <= 10 + 0.25 * 1000 && retries >= 0.25 * 1000, `${retries}`)
})
