// The rate of an address: the burst, then one request per step; refused ones cost nothing; and the table stays small.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RequestRate } from './request-rate.ts'

test('a burst passes, then one request per step, and who waits has its burst again', () => {
  let nowMs = 1000
  const rate = new RequestRate({ perSecond: 10, burst: 20, clock: () => nowMs })
  const taken = (requests: number) =>
    Array.from({ length: requests }, () => rate.take('192.0.2.1')).filter((wait) => wait === 0).length
  assert.equal(taken(30), 20)
  assert.equal(rate.take('192.0.2.1'), 100)
  nowMs += 99
  assert.equal(taken(5), 0)
  nowMs += 1
  assert.equal(taken(5), 1)
  nowMs += 1000
  assert.equal(taken(100), 10)
  nowMs += 10_000
  assert.equal(taken(100), 20)
  assert.equal(rate.take('192.0.2.2'), 0)
})

test('over any time no more requests pass than the rate and the burst allow', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 10 })), { maxLength: 60 })
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 30 }), (waits, perSecond, burst) => {
      let nowMs = 0
      let passed = 0
      const rate = new RequestRate({ perSecond, burst, clock: () => nowMs })
      for (const [waitMs, requests] of waits) {
        nowMs += waitMs
        for (let i = 0; i < requests; i++) {
          const wait = rate.take('a')
          if (wait === 0) passed++
          else assert.ok(wait <= 1000 / perSecond + 1e-6)
        }
      }
      assert.ok(passed <= burst + (nowMs * perSecond) / 1000 + 1e-6, `${passed}`)
    }),
    { numRuns: 500 },
  )
})

test('a hundred thousand addresses leave no more entries than are allowed, and none that is not needed', () => {
  let nowMs = 0
  const rate = new RequestRate({ perSecond: 1, burst: 2, addressesMax: 1000, clock: () => nowMs })
  for (let i = 0; i < 100_000; i++) rate.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  assert.equal(rate.size, 1000)
  nowMs += 3000
  for (let i = 0; i < 300; i++) rate.take(`11.0.${i >> 8}.${i & 255}`)
  assert.ok(rate.size <= 301, `${rate.size} entries`)
})

test('the addresses of one IPv6 network are one client', () => {
  const rate = new RequestRate({ perSecond: 1, burst: 1 })
  assert.equal(rate.take('2001:db8:0:1::1'), 0)
  assert.ok(rate.take('2001:db8:0:1:ffff::2') > 0)
  assert.equal(rate.take('2001:db8:0:2::1'), 0)
})
