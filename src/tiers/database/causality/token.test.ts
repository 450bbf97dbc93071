// The token as text: what was written is read, and nothing else is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatToken, isAfter, type Position, parseToken, tokenCharactersMax } from './token.ts'

const position: fc.Arbitrary<Position> = fc
  .tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }))
  .map(([timeline, lsn]) => ({ timeline, lsn }))
const shard = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/)
const positions = fc.uniqueArray(fc.tuple(shard, position), { selector: ([id]) => id, minLength: 1, maxLength: 30 })

test('a token is read as it was written', () => {
  fc.assert(
    fc.property(positions, (entries) => {
      const text = formatToken(new Map(entries)) ?? assert.fail('it is short enough')
      assert.deepEqual([...(parseToken(text) ?? [])], entries)
    }),
  )
  assert.equal(formatToken(parseToken('s1.3.16B374D848~s2.1.3000148') ?? new Map()), 's1.3.16B374D848~s2.1.3000148')
})

test('whatever is read was written: one text for one token, and never more than a cookie may hold', () => {
  const nearly = fc.stringMatching(/^[a-z0-9.~A-F-]{0,60}$/)
  const mutated = positions.chain((entries) =>
    fc
      .tuple(fc.constant(formatToken(new Map(entries)) as string), fc.nat(), fc.string({ maxLength: 2 }))
      .map(([text, at, noise]) => text.slice(0, at % text.length) + noise + text.slice((at % text.length) + 1)),
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearly, mutated), (text) => {
      const read = parseToken(text)
      if (read) assert.equal(formatToken(read), text)
    }),
    { numRuns: 3000 },
  )
  const long = Array.from({ length: 65 }, (_, i) => `s${i}.1.1`).join('~')
  for (const text of [
    '',
    'unknown',
    's1.1.0/3000148',
    's1.1.01',
    's1.0.1',
    's1.4294967296.1',
    's1.1.1~',
    's1.1.1~s1.1.2',
  ])
    assert.equal(parseToken(text), undefined, text)
  assert.equal(parseToken(long), undefined)
  assert.equal(parseToken(`s1.1.1~${'a'.repeat(tokenCharactersMax)}`), undefined)
})

test('a newer timeline is after every position of an older one', () => {
  assert.ok(isAfter({ timeline: 2, lsn: 1n }, { timeline: 1, lsn: 9n }))
  assert.ok(isAfter({ timeline: 1, lsn: 2n }, { timeline: 1, lsn: 1n }))
  assert.ok(!isAfter({ timeline: 1, lsn: 1n }, { timeline: 1, lsn: 1n }))
})
