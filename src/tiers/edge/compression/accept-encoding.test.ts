// What Accept-Encoding comes down to.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { acceptedEncodings, bestEncoding, encodings } from './accept-encoding.ts'

const cases: Array<[field: string | undefined, best: string | undefined, all: string]> = [
  [undefined, undefined, ''],
  ['', undefined, ''],
  ['identity', undefined, ''],
  ['gzip, deflate, br, zstd', 'br', 'br, zstd, gzip'],
  ['gzip, deflate', 'gzip', 'gzip'],
  ['GZIP;q=1.000 , Br;Q=0.9', 'gzip', 'br, gzip'],
  ['br;q=0, gzip', 'gzip', 'gzip'],
  ['x-gzip', 'gzip', 'gzip'],
  ['*', 'br', 'br, zstd, gzip'],
  ['*;q=0.5, br;q=0', 'zstd', 'zstd, gzip'],
  ['*;q=0', undefined, ''],
  ['identity;q=1, *;q=0', undefined, ''],
  ['identity, gzip;q=0.5', undefined, 'gzip'],
  ['identity;q=0.5, gzip;q=0.5', 'gzip', 'gzip'],
  ['gzip;q=1.5, br;q=x, zstd;q=0.0001', undefined, ''],
  ['gzip;level=9;q=0.3', 'gzip', 'gzip'],
  [', ,;q=1,gzip', 'gzip', 'gzip'],
  [`gzip, ${'a'.repeat(600)}`, undefined, ''],
]

for (const [field, best, all] of cases)
  test(`Accept-Encoding ${JSON.stringify(field)?.slice(0, 60)} is answered in ${best ?? 'no encoding'}`, () => {
    assert.equal(bestEncoding(field), best)
    assert.equal(acceptedEncodings(field), all)
    assert.equal(bestEncoding(field), best, 'and again, from what is remembered')
  })

test('whatever a client sends, it gets an encoding that it named and did not refuse', () => {
  const name = fc.constantFrom('br', 'zstd', 'gzip', 'deflate', 'identity', 'x', '')
  const weight = fc.constantFrom('', ';q=0', ';q=0.0', ';q=0.7', ';q=1', ';q=', '; q=0.000')
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, weight), { selector: ([coding]) => coding, maxLength: 6 }), (parts) => {
      const best = bestEncoding(parts.map((part) => part.join('')).join(', '))
      const given = parts.find(([coding]) => coding === best)
      assert.ok(best === undefined || (encodings.includes(best) && given && ['', ';q=0.7', ';q=1'].includes(given[1])))
    }),
    { numRuns: 1000 },
  )
})
