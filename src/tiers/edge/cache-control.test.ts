// What is read out of Cache-Control and CDN-Cache-Control, and what is not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerDirectives, parseDirectives, requestDirectives } from './cache-control.ts'
import { parseDictionary } from './structured-dictionary.ts'

const maxAges: Array<[field: string, maxAge: number]> = [
  ['', -1],
  ['max-age=60', 60],
  ['MAX-AGE=60', 60],
  [' , max-age=60 ,', 60],
  ['max-age="60"', 60],
  ['max-age=0060', 60],
  ['max-age=99999999999999999999', 2 ** 31],
  ['max-age=60, max-age=1', 60],
  ['x="a, max-age=5", max-age=60', 60],
  ['x="a\\", max-age=5", max-age=60', 60],
  // Said wrongly: stale.
  ['max-age', 0],
  ['max-age=', 0],
  ['max-age=-60', 0],
  ['max-age=+60', 0],
  ['max-age=60.5', 0],
  ['max-age=60s', 0],
  ["max-age='60'", 0],
  ['max-age= 60', 0],
  ['max-age =60', -1],
  ['xmax-age=60', -1],
]
for (const [field, maxAge] of maxAges)
  test(`Cache-Control: ${field} is max-age ${maxAge}`, () => {
    assert.equal(answerDirectives([['cache-control', field]]).maxAge, maxAge)
  })

test('several lines are one field', () => {
  const { maxAge, isPrivate, noStore } = answerDirectives([
    ['cache-control', 'max-age=1'],
    ['x', 'no-store'],
    ['cache-control', 'private="a", max-age=2'],
  ])
  assert.deepEqual([maxAge, isPrivate, noStore], [1, true, false])
})

const common: [string, string] = ['cache-control', 'max-age=1, no-store']
const targeted: Array<[field: string, isUsed: boolean]> = [
  ['max-age=60', true],
  ['max-age=60;a=b, foo', true],
  ['no-store', true],
  ['private=?0, max-age=5', true],
  ['foo=(1 2);q=0.5, max-age=5', true],
  // One wrong byte, and the common field counts (RFC 9213, 2.1).
  ['', false],
  ['Max-Age=60', false],
  ['max-age=60,', false],
  ['max-age=60, &&', false],
  ['max-age="60"', false],
  ['max-age=60.0', false],
  ['max-age=-1', false],
  ['max-age', false],
  ['max-age =60', false],
  ['max-age= 60', false],
  ['max-age=1234567890123456', false],
]
for (const [field, isUsed] of targeted)
  test(`CDN-Cache-Control: ${field} ${isUsed ? 'goes before' : 'leaves'} the common field`, () => {
    assert.equal(answerDirectives([common, ['cdn-cache-control', field]]).isTargeted, isUsed)
  })

test('a parameter or ?0 in a targeted field says nothing', () => {
  const said = answerDirectives([['cdn-cache-control', 'max-age=5;no-store, private=?0']])
  assert.deepEqual([said.noStore, said.isPrivate, said.maxAge], [false, false, 5])
})

test('requests say what they accept', () => {
  assert.deepEqual(requestDirectives('no-cache, max-stale, min-fresh=5'), {
    ...{
      noCache: true,
      noStore: false,
      onlyIfCached: false,
      maxAge: -1,
      minFresh: 5,
      maxStale: Number.POSITIVE_INFINITY,
    },
  })
  assert.equal(requestDirectives('max-stale=x').maxStale, 0)
  assert.equal(requestDirectives('ONLY-IF-CACHED').onlyIfCached, true)
})

test('no text makes either reader throw, and what is written is read back', () => {
  const chars = fc.constantFrom(...'ab=,;"\\ \t0129.-?:@%()*', 'max-age', 'é')
  const text = fc.array(chars, { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, (field) => {
      parseDirectives(field)
      parseDictionary(field)
    }),
    { numRuns: 5000 },
  )
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
  const value = fc.oneof(fc.nat(), fc.stringMatching(/^[ !#-[\]-~]{0,8}$/))
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (members) => {
      const entries = Object.entries(members)
      const field = entries.map(([key, each]) => `${key}=${typeof each === 'number' ? each : `"${each}"`}`).join(', ')
      const strict = parseDictionary(field)
      const lenient = parseDirectives(field)
      for (const [key, each] of entries) {
        const item = strict?.get(key)
        assert.equal(item !== undefined && 'value' in item ? item.value : undefined, each)
        assert.equal(lenient.get(key), String(each))
      }
    }),
  )
})
