// Heads of requests: what is taken, what is refused and why, and that it never matters where the bytes were cut.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defaultServerLimits } from './limits.ts'
import { type Refusal, refusals } from './refusals.ts'
import { RequestHead } from './request-head.ts'
import { get, malformedHeads, post } from './testing/malformed.ts'

const accepted: Record<string, string> = {
  plain: get(''),
  'many fields': get('A: 1\r\nB:2\r\nC:\t3 \t\r\nD:\r\nE: \xe4\r\n'),
  'absolute form': 'GET http://other:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n',
  'absolute form without a path': 'GET http://other?y HTTP/1.1\r\nHost: a\r\n\r\n',
  'IPv6 host': 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
  'blank lines first': `\r\n\r\n${get('')}`,
  length: post('Content-Length: 005\r\n', ''),
  chunked: post('transfer-ENCODING: Chunked\r\n', ''),
  upgrade: get('Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n'),
  expectation: post('Content-Length: 5\r\nExpect: 100-Continue\r\n', ''),
  nominated: get('Connection: X-A ,, close,host\r\nX-A: 1\r\n'),
  'another method': 'PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n',
}

for (const [what, [bytes, why]] of Object.entries(malformedHeads))
  test(`refused: ${what}`, () => assert.equal(nameOf(readAll(bytes).refusal), why))

test('a head means the same wherever its bytes are cut', () => {
  const all = [...Object.values(accepted), ...Object.values(malformedHeads).map(([bytes]) => bytes)]
  for (const bytes of all) {
    const whole = readAll(bytes)
    for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(readAll(bytes, [cut]), whole, JSON.stringify(bytes))
    assert.deepEqual(readAll(bytes, Array.from(bytes, (_, i) => i).slice(1)), whole, 'byte by byte')
  }
})

test('what is understood of a head', () => {
  const of = (name: string) => readAll(accepted[name] as string)
  for (const name of Object.keys(accepted)) assert.equal(of(name).refusal, undefined, name)
  assert.deepEqual(of('many fields').fields, [
    ...[['host', 'a'] as const, ['a', '1'] as const, ['b', '2'] as const],
    ...[['c', '3'] as const, ['d', ''] as const, ['e', '\xe4'] as const],
  ])
  assert.deepEqual([of('absolute form').host, of('absolute form').path], ['other:8080', '/x?y'])
  assert.equal(of('absolute form without a path').path, '/?y')
  assert.equal(of('IPv6 host').host, '[::1]:80')
  assert.equal(of('HTTP/1.0').isPersistent, true)
  assert.equal(of('length').contentLength, 5)
  assert.equal(of('chunked').bodyKind, 'chunked')
  assert.equal(of('upgrade').isUpgrade, true)
  assert.equal(of('expectation').expectsContinue, true)
  assert.deepEqual([of('nominated').nominated, of('nominated').isPersistent], [['x-a'], false])
})

test('a head has at most as many bytes and fields as it may have', () => {
  const max = defaultServerLimits.headerBytesMax
  const filled = (size: number) => get(`X: ${'x'.repeat(size - get('X: \r\n').length)}\r\n`)
  assert.equal(filled(max).length, max)
  assert.equal(readAll(filled(max)).refusal, undefined)
  for (const cuts of [[], [100], [max]]) {
    assert.equal(nameOf(readAll(filled(max + 1), cuts).refusal), 'headTooLarge')
    assert.equal(nameOf(readAll(`GET /${'x'.repeat(max)}`, cuts).refusal), 'targetTooLong')
  }
  assert.equal(nameOf(readAll(get('X:\r\n'.repeat(300))).refusal), 'tooManyFields')
})

test('random heads: a grammatical one is taken as it was written, at any cuts', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^`|~0-9A-Za-z-]{1,12}$/).map((name) => `X-${name}`)
  const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?$/)
  const space = fc.constantFrom('', ' ', '\t', ' \t ')
  const field = fc.tuple(token, space, value, space)
  const cuts = fc.array(fc.nat(400), { maxLength: 6 })
  const property = fc.property(fc.array(field, { maxLength: 12 }), cuts, (fields, cuts) => {
    const lines = fields.map(([name, before, text, after]) => `${name}:${before}${text}${after}\r\n`).join('')
    const { refusal, fields: read } = readAll(get(lines), cuts)
    assert.equal(refusal, undefined)
    assert.deepEqual(
      read.slice(1),
      fields.map(([name, , text]) => [name.toLowerCase(), text]),
    )
  })
  fc.assert(property, { numRuns: 300 })
})

interface Reading {
  refusal: Refusal | undefined
  isDone: boolean
  taken: number
  fields: ReadonlyArray<readonly [string, string]>
  method?: string
  path?: string
  host?: string
  isPersistent?: boolean
  isUpgrade?: boolean
  expectsContinue?: boolean
  bodyKind?: string
  contentLength?: number
  nominated?: readonly string[]
}

/** Feeds the bytes in pieces that end at the cuts, each in a buffer that is overwritten afterwards, as a read buffer is. */
function readAll(text: string, cuts: readonly number[] = []): Reading {
  const head = new RequestHead(defaultServerLimits)
  const bytes = Buffer.from(text, 'latin1')
  let taken = 0
  let from = 0
  for (const to of [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, to))
    taken += head.read(piece, 0, piece.length)
    from = to
    if (head.isDone || head.refusal !== undefined) break
    piece.fill(0)
  }
  if (head.refusal !== undefined || !head.isDone) return { refusal: head.refusal, isDone: false, taken: 0, fields: [] }
  const refusal = head.understand()
  if (refusal !== undefined) return { refusal, isDone: true, taken, fields: [] }
  const { method, path, host, isPersistent, isUpgrade, expectsContinue, framing } = head
  const { bodyKind, contentLength, nominated } = framing
  return {
    ...{ refusal, isDone: true, taken, fields: head.entries() },
    ...{ method, path, host, isPersistent, isUpgrade, expectsContinue, bodyKind, contentLength, nominated },
  }
}

function nameOf(refusal: Refusal | undefined): string | undefined {
  return Object.entries(refusals).find(([, each]) => each === refusal)?.[0]
}
