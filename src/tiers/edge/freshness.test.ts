// Dates, ages, lifetimes, and whether an answer is kept: the tables that RFC 9111 leaves to whoever reads it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bornMsOf, parseAge } from './age.ts'
import type { EdgeRule } from './contract.ts'
import type { Fields } from './fields.ts'
import { parseHttpDate } from './http-dates.ts'
import { verdictOf } from './keeping.ts'
import { defaultRule } from './rules.ts'

const nowMs = Date.UTC(2026, 10, 25, 12)
const at = (offsetSeconds: number) => new Date(nowMs + offsetSeconds * 1000).toUTCString()

test('a date of each of the three forms is the same moment', () => {
  const moment = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'sun, 06 NOV 1994 08:49:37 gmt',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])
    assert.equal(parseHttpDate(text, nowMs), moment, text)
})

test('a year of two digits lies at most 50 years ahead', () => {
  const year = (digits: string) =>
    new Date(parseHttpDate(`Monday, 01-Jan-${digits} 00:00:00 GMT`, nowMs) ?? 0).getUTCFullYear()
  assert.deepEqual([year('26'), year('76'), year('77'), year('00')], [2026, 2076, 1977, 2000])
})

for (const text of [
  ...['', '0', '-1', 'now', '1994-11-06T08:49:37Z', 'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 1994 08:49:37'],
  ...['Sun 06 Nov 1994 08:49:37 GMT', 'Sun, 6 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 94 08:49:37 GMT'],
  ...['Sun, 06-Nov-1994 08:49:37 GMT', 'Sun, 06 Nov 1994 8:49:37 GMT', 'Sun, 06 Nov 1994 24:49:37 GMT'],
  ...['Sun,  06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08.49.37 GMT', 'Sun, 00 Nov 1994 08:49:37 GMT'],
])
  test(`${JSON.stringify(text)} is no date`, () => {
    assert.equal(parseHttpDate(text, nowMs), undefined)
  })

test('of an Age the first value counts, where it is a number', () => {
  const ages: Array<[text: string | undefined, age: number]> = [
    [undefined, 0],
    ['7', 7],
    ['7, 9', 7],
    [' 7 ', 7],
    ['x', 0],
    ['-7', 0],
    ['7.5', 0],
    ['7;a=1', 0],
    ['99999999999', 2 ** 31],
  ]
  for (const [text, age] of ages) assert.equal(parseAge(text), age, `${text}`)
})

test('an answer was born before it came: by its Age and the time it took, or by its Date', () => {
  const born = (fields: Fields) => (nowMs - bornMsOf(fields, { askedMs: nowMs - 2000, answeredMs: nowMs })) / 1000
  assert.equal(born([]), 2)
  assert.equal(
    born([
      ['date', at(-1)],
      ['age', '5'],
    ]),
    7,
  )
  assert.equal(
    born([
      ['date', at(-60)],
      ['age', '5'],
    ]),
    59.001,
  )
  assert.equal(
    born([
      ['date', at(60)],
      ['age', '5'],
    ]),
    7,
  )
  assert.equal(born([['date', 'nonsense']]), 2)
})

interface Case {
  status?: number
  fields: Fields
  rule?: Partial<EdgeRule>
  asked?: { hasAuthorization?: boolean; hasCookie?: boolean }
}

function judge({ status = 200, fields, rule = {}, asked = {} }: Case) {
  return verdictOf(
    { status, fields: [['date', at(0)], ...fields] },
    { hasAuthorization: false, hasCookie: false, ...asked },
    { rule: { ...defaultRule, ...rule }, staleIfErrorMs: 60_000, answeredMs: nowMs },
  )
}

const lifetimes: Array<[what: string, given: Case, seconds: number]> = [
  ['s-maxage before max-age', { fields: [['cache-control', 'max-age=1, s-maxage=5']] }, 5],
  [
    'max-age before Expires',
    {
      fields: [
        ['cache-control', 'max-age=5'],
        ['expires', at(90)],
      ],
    },
    5,
  ],
  ['Expires less Date', { fields: [['expires', at(90)]] }, 90],
  [
    'an Expires that is past',
    {
      fields: [
        ['expires', at(-90)],
        ['etag', '"a"'],
      ],
    },
    0,
  ],
  [
    'two Expires are none',
    {
      fields: [
        ['expires', at(90)],
        ['expires', at(91)],
        ['etag', '"a"'],
      ],
    },
    0,
  ],
  [
    'the targeted field alone',
    {
      fields: [
        ['cdn-cache-control', 'max-age=7'],
        ['cache-control', 'no-store'],
        ['expires', at(1)],
      ],
    },
    7,
  ],
  ['a tenth of what it has not changed for', { fields: [['last-modified', at(-1000)]] }, 100],
  ['a day of that at most', { fields: [['last-modified', at(-100_000_000)]] }, 86_400],
  [
    'no guess where it forbids one',
    {
      fields: [
        ['last-modified', at(-1000)],
        ['cache-control', 'no-cache'],
      ],
    },
    0,
  ],
  ['a rule in the place of a guess', { fields: [['last-modified', at(-1000)]], rule: { ttlMs: 3000 } }, 3],
  ['a rule where nothing is said', { fields: [], rule: { keep: 'always', ttlMs: 3000 } }, 3],
  [
    'the answer before the rule',
    { fields: [['cache-control', 'max-age=9']], rule: { keep: 'always', ttlMs: 3000 } },
    9,
  ],
]
for (const [what, given, seconds] of lifetimes)
  test(`fresh for: ${what}`, () => {
    const verdict = judge(given)
    assert.deepEqual([verdict.freshMs / 1000, verdict.refusal], [seconds, undefined])
  })

const fresh: Fields[number] = ['cache-control', 'max-age=60']
const refusals: Array<[refusal: string | undefined, given: Case]> = [
  [undefined, { fields: [fresh] }],
  ['no freshness', { fields: [] }],
  [undefined, { fields: [['etag', '"a"']] }],
  ['no-store', { fields: [['cache-control', 'max-age=60, no-store']] }],
  ['private', { fields: [['cache-control', 'max-age=60, private']] }],
  ['private', { fields: [['cache-control', 'max-age=60, private="x"']] }],
  ['private', { fields: [['cache-control', 'private']], rule: { keep: 'always', ttlMs: 1000 } }],
  ['set-cookie', { fields: [fresh, ['set-cookie', 'a=b']] }],
  ['set-cookie', { fields: [['set-cookie', 'a=b']], rule: { keep: 'always', ttlMs: 1000 } }],
  ['vary', { fields: [fresh, ['vary', 'a, *']] }],
  ['rule', { fields: [fresh], rule: { keep: 'never' } }],
  ['status', { status: 206, fields: [fresh] }],
  ['status', { status: 304, fields: [fresh] }],
  ['status', { status: 302, fields: [['last-modified', at(-1000)]] }],
  ['status', { status: 503, fields: [['etag', '"a"']] }],
  [undefined, { status: 302, fields: [fresh] }],
  [
    undefined,
    {
      status: 599,
      fields: [
        ['cache-control', 'public'],
        ['last-modified', at(-1000)],
      ],
    },
  ],
  ['no-store', { status: 299, fields: [['cache-control', 'max-age=60, must-understand, no-store']] }],
  [undefined, { status: 200, fields: [['cache-control', 'max-age=60, must-understand, no-store']] }],
  ['authorization', { fields: [fresh], asked: { hasAuthorization: true } }],
  [undefined, { fields: [['cache-control', 'max-age=60, public']], asked: { hasAuthorization: true } }],
  [undefined, { fields: [['cache-control', 's-maxage=60']], asked: { hasAuthorization: true } }],
  [undefined, { fields: [['cache-control', 'max-age=60, must-revalidate']], asked: { hasAuthorization: true } }],
  [undefined, { fields: [fresh], asked: { hasCookie: true } }],
  ['cookie', { fields: [['last-modified', at(-1000)]], asked: { hasCookie: true } }],
  ['cookie', { fields: [['etag', '"a"']], asked: { hasCookie: true } }],
  ['cookie', { fields: [], rule: { keep: 'always', ttlMs: 1000 }, asked: { hasCookie: true } }],
  [undefined, { fields: [], rule: { keep: 'always', ttlMs: 1000, cookies: [] }, asked: { hasCookie: true } }],
  ['no freshness', { status: 405, fields: [], rule: { ttlMs: 1000 } }],
  [undefined, { status: 404, fields: [], rule: { ttlMs: 1000 } }],
]
for (const [refusal, given] of refusals)
  test(`${refusal === undefined ? 'kept' : `not kept for ${refusal}`}: ${JSON.stringify(given)}`, () => {
    assert.equal(judge(given).refusal, refusal)
  })

const windows: Array<[field: string, revalidate: number, error: number, isBound: boolean]> = [
  ['max-age=10', 0, 60, false],
  ['max-age=10, stale-while-revalidate=5', 5, 60, false],
  ['max-age=10, stale-if-error=0', 0, 0, false],
  ['max-age=10, stale-if-error=x', 0, 0, false],
  ['max-age=0', 0, 0, false],
  ['max-age=10, must-revalidate', 0, 0, true],
  ['max-age=10, proxy-revalidate', 0, 0, true],
  ['s-maxage=10', 0, 0, true],
  // Both together mean what they say.
  ['s-maxage=10, stale-while-revalidate=5', 5, 0, false],
  ['max-age=10, no-cache', 0, 0, true],
]
for (const [field, revalidate, error, isBound] of windows)
  test(`beyond its freshness: ${field}`, () => {
    const verdict = judge({
      fields: [
        ['cache-control', field],
        ['etag', '"a"'],
      ],
    })
    const { staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate } = verdict
    assert.deepEqual(
      [staleWhileRevalidateMs / 1000, staleIfErrorMs / 1000, mustRevalidate],
      [revalidate, error, isBound],
    )
  })
