// Bytes changed at random, in this process: what the reader of requests lets through, the writer passes on in a form that
// a strict reader takes; and a whole connection answers the same however its bytes are cut. Bounded in time; the seed of a
// failure is printed by fast-check, and FUZZ_SEED repeats it.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { readStrictly } from '../../tiers/balancer/testing/strict-reader.ts'
import { HttpServer } from '../server/http-server.ts'
import { writeBody } from './body-writer.ts'
import { ByteWriter } from './byte-writer.ts'
import { ChunkedReader } from './chunked.ts'
import { ClientOrigin } from './client-origin.ts'
import type { Exchange, ExchangeSink } from './exchange.ts'
import { defaultServerLimits } from './limits.ts'
import { RequestHead } from './request-head.ts'
import { writeRequestHead } from './request-writer.ts'
import { chunked, get, malformedChunks, malformedHeads, post } from './testing/malformed.ts'

const timeLimitMs = Number(process.env['FUZZ_MS'] ?? 2500)
const seed = process.env['FUZZ_SEED'] === undefined ? {} : { seed: Number(process.env['FUZZ_SEED']) }
const bounds = { ...seed, numRuns: 1_000_000, interruptAfterTimeLimit: timeLimitMs, markInterruptAsFailure: false }

const wellFormed = [
  get('X: y\r\nAccept: a/b\r\n'),
  get('Connection: keep-alive, X-A\r\nX-A: 1\r\n'),
  'GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n',
  get('Connection: Upgrade\r\nUpgrade: websocket\r\n'),
  post('Content-Length: 5\r\n', '12345'),
  post('Expect: 100-continue\r\nContent-Length: 5\r\n', '12345'),
  chunked('5\r\n12345\r\n0\r\n\r\n'),
  chunked('5;a=b\r\n12345\r\n0\r\nX: y\r\n\r\n'),
]
const malformed = [
  ...Object.values(malformedHeads).map(([bytes]) => bytes),
  ...Object.values(malformedChunks)
    .filter(([bytes]) => bytes.length < 1000)
    .map(([bytes]) => chunked(bytes)),
]

const splice = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(4),
  put: fc.oneof(
    fc.constantFrom(
      '',
      '\r',
      '\n',
      '\r\n',
      '\r\n\r\n',
      '\0',
      ' ',
      '\t',
      ':',
      ';',
      ',',
      '0',
      '\xff',
      '\x7f',
      '_',
      '/',
      '?',
      '#',
    ),
    fc.constantFrom('Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', 'chunked', '\r\nX: '),
    fc.string({ unit: 'binary-ascii', maxLength: 3 }),
  ),
})
const mutant = fc
  .tuple(
    fc.oneof(fc.constantFrom(...wellFormed), fc.constantFrom(...malformed)),
    fc.array(splice, { minLength: 1, maxLength: 5 }),
  )
  .map(([start, splices]) => splices.reduce(mutate, start))

function mutate(text: string, { at, cut, put }: { at: number; cut: number; put: string }): string {
  const index = Math.floor(at * text.length)
  return text.slice(0, index) + put + text.slice(index + cut)
}

test('what is passed on of a mutant is one strict message', () => {
  const origin = new ClientOrigin('127.0.0.1', { isSecure: false })
  let passed = 0
  let all = 0
  const property = fc.property(mutant, (text) => {
    all++
    const sent = passOn(Buffer.from(text, 'latin1'), origin)
    if (sent === undefined) return
    passed++
    const { problems, messages } = readStrictly(sent)
    assert.deepEqual(
      { problems, messages },
      { problems: [], messages: 1 },
      `${JSON.stringify(text)} became ${JSON.stringify(sent)}`,
    )
  })
  fc.assert(property, bounds)
  assert.ok(passed > all / 100, `only ${passed} of ${all} mutants were taken: the mutator breaks everything`)
})

test('a connection answers a mutant, and what follows it, the same however the bytes are cut', async () => {
  const server = new HttpServer({ handle: echo }, { limits: { lingerMs: 0 } })
  const property = fc.asyncProperty(
    fc.array(mutant, { minLength: 1, maxLength: 3 }),
    fc.array(fc.nat(500), { maxLength: 5 }),
    async (texts, cuts) => {
      const bytes = Buffer.from(texts.join(''), 'latin1')
      const whole = await answersTo(server, bytes, [])
      assert.equal(await answersTo(server, bytes, cuts), whole, JSON.stringify(texts))
    },
  )
  await fc.assert(property, { ...bounds, interruptAfterTimeLimit: timeLimitMs })
  await server.drain(0)
  assert.equal(server.wheel.size, 0)
})

/** What a server would get; undefined when the request is refused or not whole. */
function passOn(bytes: Buffer, origin: ClientOrigin): string | undefined {
  const head = new RequestHead(defaultServerLimits)
  let at = head.read(bytes, 0, bytes.length)
  if (head.refusal !== undefined || !head.isDone || head.understand() !== undefined) return undefined
  const out = new ByteWriter(256)
  const { bodyKind, contentLength } = head.framing
  writeRequestHead(out, head, { origin, requestId: 'r' }, head.framing)
  if (bodyKind === 'length') {
    if (bytes.length - at < contentLength) return undefined
    out.put(bytes, at, at + contentLength)
  } else if (bodyKind === 'chunked') {
    const reader = new ChunkedReader(defaultServerLimits)
    while (!reader.isDone) {
      if (at >= bytes.length) return undefined
      at = reader.step(bytes, at, bytes.length)
      if (reader.refusal !== undefined) return undefined
      if (reader.pieceEnd > reader.pieceStart) writeBody(out, bytes, reader.pieceStart, reader.pieceEnd, true)
    }
    out.text('0\r\n\r\n')
  }
  return out.view().toString('latin1')
}

/** Answers with what was understood of the request and its body. */
function echo(exchange: Exchange): void {
  const { request } = exchange
  const seen = `${request.method} ${request.host} ${request.path} ${JSON.stringify(request.entries())}`
  let body = ''
  const answer = () => exchange.answerWhole(200, '', Buffer.from(`${seen} ${body}`, 'latin1'))
  if (!request.hasBody) {
    answer()
    return
  }
  const sink: ExchangeSink = {
    onBody(bytes, start, end) {
      body += bytes.toString('latin1', start, end)
    },
    ...{ onBodyEnd: answer, onBodyPause: () => {}, onDrain: () => {}, onClientGone: () => {} },
  }
  exchange.attach(sink)
  exchange.startBody()
}

/** A connection in memory; dates and request ids are left out of what came back. */
async function answersTo(server: HttpServer, bytes: Buffer, cuts: readonly number[]): Promise<string> {
  const [near, far] = duplexPair()
  server.adopt(far as unknown as Socket)
  let text = ''
  near.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  near.on('error', () => {})
  let from = 0
  for (const to of [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]) {
    near.write(bytes.subarray(from, to))
    await new Promise((resolve) => setImmediate(resolve))
    from = to
  }
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  near.destroy()
  far.destroy()
  return text.replaceAll(/^(date|x-request-id): .*\r\n/gm, '').replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '')
}
