// Which form of an asset a client gets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseCoding } from './choose-coding.ts'

const sizes = { br: 100, zstd: 110, gzip: 130 }

test('of what the client likes best the smallest form is taken', () => {
  for (const [field, expected] of [
    [undefined, undefined],
    ['', undefined],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0, *', 'zstd'],
    ['*', 'br'],
    ['identity, br;q=0.5', undefined],
    ['br;q=0, gzip;q=0, zstd;q=0', undefined],
    ['br;q=high', undefined],
    ['BR; Q=1', 'br'],
  ] as const)
    assert.equal(chooseCoding(field, sizes), expected, String(field))
  assert.equal(chooseCoding('br, gzip', { gzip: 5 }), 'gzip')
  assert.equal(chooseCoding('br, gzip', {}), undefined)
})
