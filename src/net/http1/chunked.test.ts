// Chunked bodies: read whole whatever the pieces, refused for a reason that has a name, and bounded.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ChunkedReader } from './chunked.ts'
import { defaultServerLimits } from './limits.ts'
import { type Refusal, refusals } from './refusals.ts'
import { malformedChunks } from './testing/malformed.ts'

const sound: Record<string, string> = {
  'no chunk': '0\r\n\r\n',
  'one chunk': '5\r\nhello\r\n0\r\n\r\n',
  'big and small digits': 'A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n',
  'a long size': '0000000000000005\r\nhello\r\n0\r\n\r\n',
  extensions: '5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n',
  trailers: '5\r\nhello\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n',
}

for (const [what, [bytes, why]] of Object.entries(malformedChunks))
  test(`refused: ${what}`, () => assert.equal(nameOf(readAll(bytes).refusal), why))

test('a body is the same wherever its bytes are cut, and what follows it is left alone', () => {
  for (const bytes of [...Object.values(sound), ...Object.values(malformedChunks).map(([each]) => each)]) {
    const whole = readAll(bytes)
    const step = bytes.length > 1000 ? 997 : 1
    for (let cut = 1; cut < bytes.length; cut += step)
      assert.deepEqual(readAll(bytes, [cut]), whole, JSON.stringify(bytes))
  }
  for (const bytes of Object.values(sound))
    assert.equal(readAll(`${bytes}GET / HTTP/1.1\r\n`).taken, bytes.length, JSON.stringify(bytes))
})

test('trailers are there at the end, and extensions are not', () => {
  assert.deepEqual(readAll(sound['trailers'] as string).trailers, [
    ['x-sum', '1'],
    ['y', ''],
  ])
  assert.equal(readAll(sound['extensions'] as string).body, 'hello')
})

test('random bodies come out as they went in, at any cuts', () => {
  const piece = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 300 })
  const property = fc.property(fc.array(piece), fc.array(fc.nat(3000), { maxLength: 8 }), (pieces, cuts) => {
    const bytes = `${pieces.map((each) => `${each.length.toString(16)}\r\n${each}\r\n`).join('')}0\r\n\r\n`
    const { body, isDone, taken } = readAll(bytes, cuts)
    assert.deepEqual({ body, isDone, taken }, { body: pieces.join(''), isDone: true, taken: bytes.length })
  })
  fc.assert(property, { numRuns: 300 })
})

function readAll(text: string, cuts: readonly number[] = []) {
  const reader = new ChunkedReader(defaultServerLimits)
  const bytes = Buffer.from(text, 'latin1')
  let body = ''
  let taken = 0
  let from = 0
  for (const to of [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, to))
    for (let at = 0; at < piece.length && !reader.isDone && reader.refusal === undefined; ) {
      const next = reader.step(piece, at, piece.length)
      body += piece.toString('latin1', reader.pieceStart, reader.pieceEnd)
      taken += next - at
      at = next
    }
    from = to
    if (!reader.isDone) piece.fill(0)
  }
  const trailers = reader.isDone ? reader.trailers.entries() : []
  // How much was taken before a refusal is nobody's business: the connection ends.
  const { isDone, refusal } = reader
  return refusal === undefined ? { body, taken, isDone, refusal, trailers } : { refusal }
}

function nameOf(refusal: Refusal | undefined): string | undefined {
  return Object.entries(refusals).find(([, each]) => each === refusal)?.[0]
}
