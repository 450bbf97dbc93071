// The 64 bits of a row's transaction id, near the places where 32 bits run over.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fullXid, isOlder } from './row-age.ts'

const epoch = 2n ** 32n

test('the id of a row is the one that lies nearest below the next id, or shortly above it', () => {
  const next = fc.bigInt({ min: 2n * epoch, max: 20n * epoch })
  fc.assert(
    fc.property(next, fc.bigInt({ min: 1n, max: 2n ** 31n }), (nextXid, age) => {
      const written = nextXid - age
      fc.pre(written % epoch >= 3n)
      assert.equal(fullXid(written % epoch, nextXid), written)
    }),
  )
  fc.assert(
    fc.property(next, fc.bigInt({ min: 0n, max: 1_000_000n }), (nextXid, ahead) => {
      const written = nextXid + ahead
      fc.pre(written % epoch >= 3n)
      assert.equal(fullXid(written % epoch, nextXid), written)
    }),
  )
})

test('a row that is older than the failover is told from one that was written since, also across a wrap-around', () => {
  const promoted = 3n * epoch - 10n
  assert.equal(isOlder(epoch - 11n, 3n * epoch + 100n, promoted), true)
  assert.equal(isOlder(epoch - 10n, 3n * epoch + 100n, promoted), false)
  assert.equal(isOlder(5n, 3n * epoch + 100n, promoted), false, 'written after the wrap-around')
  // Frozen long ago, and by the cluster's own making.
  assert.equal(isOlder(2n ** 31n, 3n * epoch + 100n, promoted), true)
  assert.equal(isOlder(1n, 3n * epoch + 100n, promoted), true)
  assert.equal(isOlder(2n, 3n * epoch + 100n, promoted), true)
})
