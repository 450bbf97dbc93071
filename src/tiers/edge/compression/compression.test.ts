// Which answers are compressed, and what becomes of them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { headOf, keyTo } from '../store/testing/answers.ts'
import { encodings } from './accept-encoding.ts'
import { compress, isWorthKeeping } from './compress.ts'
import { compressedHead, encodingSelector, withVary } from './compressed-head.ts'
import { isCompressible } from './compressible.ts'

type Fields = Array<[string, string]>
const html: Fields = [['content-type', 'text/html; charset=utf-8']]
const isDone = (fields: Fields, overrides = {}) => isCompressible(headOf(keyTo('/'), 5000, { fields, ...overrides }))

test('text of some length is compressed', () => {
  for (const type of [
    'text/css',
    'TEXT/HTML;charset=utf-8',
    'application/json',
    'application/problem+json',
    'image/svg+xml',
  ])
    assert.ok(isDone([['content-type', type]]), type)
  assert.ok(isDone([...html, ['cache-control', 'public, max-age=60'], ['vary', 'Accept-Language']]))
})

const never: Array<[why: string, fields: Fields, overrides?: object]> = [
  ['what is compressed already', [...html, ['content-encoding', 'gzip']]],
  ['pictures', [['content-type', 'image/jpeg']]],
  ['what does not say what it is', []],
  ['streams of events', [['content-type', 'text/event-stream']]],
  ['what must not be changed', [...html, ['cache-control', 'max-age=60, No-Transform']]],
  ['what sets cookies', [...html, ['set-cookie', 'a=b']]],
  ['what is private', [...html, ['cache-control', 'private="x"']]],
  ['what differs by cookies', [...html, ['vary', 'Accept, Cookie']]],
  ['what a rule selects by a cookie', html, { selectedBy: [['cookie', 'theme=dark']] }],
  ['what differs by who asks', [...html, ['vary', 'authorization']]],
  ['parts', [...html, ['content-range', 'bytes 0-1/2']]],
  ['errors', html, { status: 404 }],
  ['what fits into one packet', html, { bytes: 1000 }],
  ['what would keep a thread busy for long', html, { bytes: 100 * 2 ** 20 }],
]
for (const [why, fields, overrides] of never)
  test(`${why} is never compressed`, () => assert.equal(isDone(fields, overrides), false))

test('every encoding gives back what went in, and a head that says so', async () => {
  const body = Buffer.from('All happy families are alike. '.repeat(1000))
  const decode = { br: brotliDecompressSync, zstd: zstdDecompressSync, gzip: gunzipSync }
  for (const encoding of encodings) {
    const compressed = await compress(body, encoding)
    assert.deepEqual(decode[encoding](compressed), body)
    assert.ok(isWorthKeeping(body.length, compressed.length))
    const fields: Fields = [...html, ['etag', '"a"'], ['content-md5', 'x'], ['vary', 'Origin']]
    const head = compressedHead(
      headOf(keyTo('/'), body.length, { fields, selectedBy: [['origin', null]] }),
      encoding,
      compressed.length,
    )
    assert.deepEqual(head.fields, [
      ...html,
      ['etag', 'W/"a"'],
      ['content-encoding', encoding],
      ['vary', 'Origin, Accept-Encoding'],
    ])
    assert.deepEqual(head.selectedBy, [
      ['origin', null],
      [encodingSelector, encoding],
    ])
    assert.equal(head.bytes, compressed.length)
    assert.equal(isCompressible(head), false)
  }
})

test('Vary names Accept-Encoding once, and a star says it all', () => {
  assert.deepEqual(withVary([['vary', 'accept-encoding, x']]), [['vary', 'accept-encoding, x']])
  assert.deepEqual(withVary([['vary', '*']]), [['vary', '*']])
  assert.deepEqual(
    withVary([
      ['vary', 'A'],
      ['x', 'y'],
      ['vary', 'B'],
    ]),
    [
      ['x', 'y'],
      ['vary', 'A, B, Accept-Encoding'],
    ],
  )
  assert.deepEqual(withVary([]), [['vary', 'Accept-Encoding']])
})

test('more than can be compressed at once is refused, not queued without end', async () => {
  const body = Buffer.alloc(2 ** 20, 'text ')
  const settled = await Promise.allSettled(Array.from({ length: 100 }, () => compress(body, 'gzip')))
  const refused = settled.filter((one) => one.status === 'rejected')
  assert.ok(refused.length >= 30 && refused.length < 100, `${refused.length}`)
  for (const { reason } of refused) assert.equal(reason.code, 'overloaded')
  assert.ok((await compress(body, 'gzip')).length > 0, 'afterwards there is room again')
})

test('bytes that do not get smaller are not worth a variant', () => {
  assert.equal(isWorthKeeping(1000, 950), false)
  assert.equal(isWorthKeeping(1000, 900), true)
})
