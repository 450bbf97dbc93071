// The histogram against exact quantiles.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Histogram } from './histogram.ts'

test('every quantile lies within a thousandth of the exact one', () => {
  const latencies = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(latencies, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, quantile) => {
      const histogram = new Histogram()
      for (const value of values) histogram.recordMs(value)
      const sorted = values.toSorted((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(quantile * values.length)) - 1] ?? 0
      const got = histogram.quantileMs(quantile)
      assert.ok(Math.abs(got - exact) <= exact / 1000 + 0.001, `quantile ${quantile}: got ${got}, exact ${exact}`)
    }),
  )
})

test('histograms that were added up answer as one that saw everything', () => {
  const [odd, even, all] = [new Histogram(), new Histogram(), new Histogram()]
  for (let ms = 1; ms <= 5000; ms++) {
    ;(ms % 2 ? odd : even).recordMs(ms)
    all.recordMs(ms)
  }
  const sum = new Histogram()
  sum.add(odd.toData())
  sum.add(even.toData())
  assert.equal(sum.total, 5000)
  assert.equal(sum.maxMs, 5000)
  for (const quantile of [0.5, 0.9, 0.99, 0.999, 1]) assert.equal(sum.quantileMs(quantile), all.quantileMs(quantile))
})

test('an empty histogram answers zero', () => {
  assert.equal(new Histogram().quantileMs(0.99), 0)
})
