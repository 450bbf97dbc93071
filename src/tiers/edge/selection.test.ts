// Which requests an answer is for: keys, rules, Vary, conditions and ranges, without a connection.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cacheName, cacheStatus } from './cache-status.ts'
import { conditionLines, confirms, isNotModified } from './conditionals.ts'
import { membersOf } from './fields.ts'
import { hostUnder, keyBeside } from './key.ts'
import { rangeOf } from './ranges.ts'
import { traits, traitsOf } from './request-traits.ts'
import { Rules, targetUnder } from './rules.ts'
import { isShareable, outlastsFailure, standingOf } from './standing.ts'
import { selectingValue, selectionOf, selects, varyOf } from './vary.ts'
import { readRequest } from './written-head.ts'

function requestWith(...lines: string[]) {
  return readRequest(
    Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1'),
  )
}

test('Vary is a list of names, in any case, on any number of lines', () => {
  assert.deepEqual(
    varyOf([
      ['vary', 'B , a'],
      ['vary', 'b,,'],
    ]),
    ['a', 'b'],
  )
  assert.equal(
    varyOf([
      ['vary', 'a'],
      ['vary', ', *'],
    ]),
    '*',
  )
  assert.deepEqual(varyOf([]), [])
})

const same: Array<[name: string, a: string[], b: string[]]> = [
  ['foo', ['Foo: 1, 2'], ['foo: 1', 'FOO: 2']],
  ['foo', ['Foo: 1,2'], ['Foo:  1 ,  2 ']],
  ['accept-language', ['Accept-Language: en, de'], ['Accept-Language: DE,En']],
  ['accept-language', ['Accept-Language: de;q=1.0, en;q=0.5'], ['Accept-Language: en;q=0.5, de']],
  ['accept-encoding', ['Accept-Encoding: gzip, deflate, br'], ['Accept-Encoding: br;q=0.3, gzip']],
  ['accept-encoding', ['Accept-Encoding: identity'], ['Accept-Encoding: br;q=0']],
  ['cookie:a', ['Cookie: b=1; a=2'], ['Cookie: a=2; c=3']],
  ['cookie:a', ['Cookie: b=1'], []],
]
for (const [name, a, b] of same)
  test(`by ${name}, ${JSON.stringify(a)} and ${JSON.stringify(b)} select the same`, () => {
    assert.equal(selectingValue(name, requestWith(...a)), selectingValue(name, requestWith(...b)))
  })

const different: Array<[name: string, a: string[], b: string[]]> = [
  ['foo', ['Foo: 1'], []],
  ['foo', ['Foo:'], []],
  ['foo', ['Foo: a'], ['Foo: A']],
  ['accept-language', ['Accept-Language: en, de;q=0.5'], ['Accept-Language: de, en;q=0.5']],
  ['accept-encoding', ['Accept-Encoding: gzip'], ['Accept-Encoding: br']],
  ['cookie:a', ['Cookie: a=1'], ['Cookie: a=2']],
  ['cookie:a', ['Cookie: xa=1'], ['Cookie: a=1']],
]
for (const [name, a, b] of different)
  test(`by ${name}, ${JSON.stringify(a)} and ${JSON.stringify(b)} do not`, () => {
    assert.notEqual(selectingValue(name, requestWith(...a)), selectingValue(name, requestWith(...b)))
  })

test('the language that a client likes best is for it, whatever else it takes', () => {
  const selectedBy = selectionOf(['accept-language'], requestWith('Accept-Language: en, de'))
  const german = [['content-language', 'DE']] as const
  assert.equal(selects(selectedBy, requestWith('Accept-Language: fr;q=0.5, de'), german), true)
  assert.equal(selects(selectedBy, requestWith('Accept-Language: fr, de'), german), false)
  assert.equal(selects(selectedBy, requestWith('Accept-Language: *'), german), false)
  assert.equal(selects(selectedBy, requestWith('Accept-Language: de;q=0'), german), false)
  assert.equal(selects(selectedBy, requestWith(), german), false)
  assert.equal(selects(selectedBy, requestWith('Accept-Language: de'), []), false)
})

test('a comma within quotes does not part a list', () => {
  assert.deepEqual(membersOf('a, "b, c" , d="\\",e",'), ['a', '"b, c"', 'd="\\",e"'])
})

test('patterns of rules fit whole paths, the query aside; the first that fits counts', () => {
  const rules = new Rules([
    { path: '/a', keep: 'never' },
    { path: '/assets/*', keep: 'always', ttlMs: 1 },
    { path: '/*/x*.png', keep: 'always', ttlMs: 2 },
    { path: '*.css', keep: 'always', ttlMs: 3 },
  ])
  const found = (target: string) => rules.find(target).path
  assert.deepEqual(
    [
      '/a',
      '/a?b',
      '/a/',
      '/assets/',
      '/assets/a.css',
      '/u/xy.png',
      '/u/y.png',
      '/u/x.png.gif',
      '/b.css?v',
      '/',
      '/x.png',
    ].map(found),
    ['/a', '/a', '*', '/assets/*', '/assets/*', '/*/x*.png', '*', '*', '*.css', '*', '*'],
  )
  assert.deepEqual(rules.find('/assets/..%2fa'), { path: '/assets/*', keep: 'fields' })
})

test('a rule leaves of a query what it names, in one order', () => {
  assert.equal(
    targetUnder({ path: '*', keep: 'fields', query: ['b', 'a'] }, '/x?c=1&b=2&a=3&b=1&a'),
    '/x?a&a=3&b=1&b=2',
  )
  assert.equal(targetUnder({ path: '*', keep: 'fields', query: [] }, '/x?c=1'), '/x')
  assert.equal(targetUnder({ path: '*', keep: 'fields', query: 'none' }, '/x?'), '/x')
  assert.equal(targetUnder({ path: '*', keep: 'fields' }, '/x?b&a'), '/x?b&a')
})

test('a host is one, in small letters and without the port that goes without saying', () => {
  assert.equal(hostUnder('A.example:80', 'http'), 'a.example')
  assert.equal(hostUnder('a.example:443', 'https'), 'a.example')
  assert.equal(hostUnder('a.example:443', 'http'), 'a.example:443')
  assert.equal(hostUnder('[::80]', 'http'), '[::80]')
})

test('Location names a key on the same host only', () => {
  const key = 'GET http://a.example/x/y?q'
  assert.equal(keyBeside(key, 'z'), 'GET http://a.example/x/z')
  assert.equal(keyBeside(key, '/z?1#f'), 'GET http://a.example/z?1')
  assert.equal(keyBeside(key, 'http://b.example/z'), undefined)
  assert.equal(keyBeside(key, 'https://a.example/z'), undefined)
  assert.equal(keyBeside(key, 'http://['), undefined)
})

test('a range lies within the body, or there is none', () => {
  fc.assert(
    fc.property(fc.nat(50), fc.option(fc.nat(60)), fc.option(fc.nat(60)), (bytes, first, last) => {
      const range = rangeOf(`bytes=${first ?? ''}-${last ?? ''}`, bytes)
      if (range === undefined || range === 'unsatisfiable') return
      assert.ok(range.start >= 0 && range.start < range.end && range.end <= bytes, JSON.stringify(range))
      if (first !== null) assert.equal(range.start, first)
    }),
  )
  assert.deepEqual(rangeOf('bytes=0-99999999999999999999', 5), { start: 0, end: 5 })
  assert.equal(rangeOf('bytes=-0', 5), 'unsatisfiable')
  assert.equal(rangeOf('bytes=0-', 0), 'unsatisfiable')
})

test('a condition is about what would be 200; a tag goes before a date', () => {
  const kept = {
    status: 200,
    fields: [
      ['etag', 'W/"a"'],
      ['last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ],
    bornMs: 0,
  } as const
  const is = (...lines: string[]) => isNotModified(requestWith(...lines), kept, Date.now())
  assert.equal(is('If-None-Match: "b", "a"'), true)
  assert.equal(is('If-None-Match: *'), true)
  assert.equal(is('If-None-Match: a'), false)
  assert.equal(is('If-None-Match: "b"', 'If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT'), false)
  assert.equal(is('If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT'), false)
  assert.equal(is('If-Modified-Since: nonsense'), false)
  assert.equal(isNotModified(requestWith('If-None-Match: *'), { ...kept, status: 404 }, Date.now()), false)
  assert.equal(
    conditionLines(kept.fields),
    'if-none-match: W/"a"\r\nif-modified-since: Sun, 06 Nov 1994 08:49:37 GMT\r\n',
  )
  assert.equal(confirms([['etag', '"a"']], kept.fields), true)
  assert.equal(confirms([['etag', '"b"']], kept.fields), false)
  assert.equal(confirms([], kept.fields), true)
})

test('what of a request matters is found whatever its case', () => {
  assert.equal(traitsOf(requestWith('Accept: */*', 'X-Y: z')), 0)
  const found = traitsOf(requestWith('CACHE-CONTROL: x', 'range: x', 'If-None-Match: x', 'Cookie: x', 'CDN-Loop: x'))
  assert.equal(found, traits.cacheControl | traits.range | traits.condition | traits.cookie | traits.loop)
})

test('how an answer stands is a matter of its age and of what the request says', () => {
  const times = {
    bornMs: 0,
    freshMs: 10_000,
    staleWhileRevalidateMs: 5000,
    staleIfErrorMs: 20_000,
    mustRevalidate: false,
    needsValidation: false,
  }
  const none = { noCache: false, noStore: false, onlyIfCached: false, maxAge: -1, minFresh: -1, maxStale: -1 }
  const at = (nowMs: number, directives = {}, head = {}) =>
    standingOf({ ...times, ...head }, { nowMs, directives: { ...none, ...directives }, isImmutable: false })
  assert.deepEqual(
    [0, 9999, 10_000, 14_999, 15_000].map((ms) => at(ms)),
    ['fresh', 'fresh', 'revalidating', 'revalidating', 'stale'],
  )
  assert.equal(at(0, {}, { needsValidation: true }), 'stale')
  assert.equal(at(12_000, {}, { mustRevalidate: true }), 'stale')
  assert.equal(at(5000, { maxAge: 4 }), 'stale')
  assert.equal(at(5000, { minFresh: 5 }), 'fresh')
  assert.equal(at(5000, { minFresh: 6 }), 'stale')
  assert.equal(at(30_000, { maxStale: 20 }), 'accepted')
  assert.equal(at(30_000, { maxStale: 20 }, { freshMs: 0, bornMs: 20_000 }), 'stale')
  assert.deepEqual(
    [29_999, 30_000].map((ms) => outlastsFailure(times, ms)),
    [true, false],
  )
  assert.deepEqual(
    [9999, 10_000].map((ms) => isShareable(times, ms)),
    [true, false],
  )
})

test('Cache-Status names the cache and what it did', () => {
  assert.equal(cacheStatus('a', { ttlSeconds: 5 }), 'a; hit; ttl=5')
  assert.equal(
    cacheStatus('a', {
      forwarded: 'stale',
      forwardedStatus: 304,
      ttlSeconds: -1,
      isStored: true,
      isCollapsed: true,
      detail: 'x',
    }),
    'a; fwd=stale; fwd-status=304; ttl=-1; stored; collapsed; detail="x"',
  )
  assert.equal(cacheName('us-east/front-1'), 'us-east/front-1')
  assert.equal(cacheName('1 "x"'), '"1 \\"x\\""')
})
