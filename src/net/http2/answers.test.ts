// Answers that do not go out at once: what they need later is theirs, and a client that takes them slowly gets them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { AnswerHead } from '../http1/answer-head.ts'
import type { Exchange } from '../http1/exchange.ts'
import { HeadParser } from '../http1/head-parser.ts'
import { type FrontOptions, limitMs, openFront } from '../http1/testing/front.ts'
import { ask, openSession } from './testing/client.ts'

const megabyte = 1024 * 1024
const headLimits = { headerBytesMax: 16 * 1024, headerFieldsMax: 100 }

test('trailers are those that the answer ended with, whatever their bytes have become since', async (t) => {
  const { session } = await open(t, (exchange) => {
    const bytes = Buffer.from('X-Sum: 7\r\n\r\n')
    const trailers = trailersOf(bytes)
    exchange.answerHead(chunkedHead())
    exchange.answerBody(Buffer.from('ok'), 0, 2)
    exchange.answerEnd(trailers)
    bytes.fill('?')
    trailers.reset()
  })
  const { trailers, body } = await ask(session, { te: 'trailers' })
  assert.equal(body.toString(), 'ok')
  assert.deepEqual(Object.entries(trailers), [['x-sum', '7']])
})

test('trailers that cannot be sent cut their answer, and nothing else', async (t) => {
  const { session } = await open(t, (exchange) => {
    const trailers = trailersOf(Buffer.from('X-Sum: 7\r\n\r\n'))
    if (exchange.request.path === '/bad') trailers.name = () => 'no name'
    exchange.answerHead(chunkedHead())
    exchange.answerBody(Buffer.from('ok'), 0, 2)
    exchange.answerEnd(trailers)
  })
  await assert.rejects(ask(session, { ':path': '/bad', te: 'trailers' }), /reset with 2|NGHTTP2_INTERNAL_ERROR/)
  const { trailers } = await ask(session, { te: 'trailers' })
  assert.equal(trailers['x-sum'], '7')
})

test('a handler that gives bytes until the client is backed up is held back, and goes on when they are taken', async (t) => {
  const size = 8 * megabyte
  const piece = Buffer.alloc(16 * 1024, 'p')
  let given = 0
  let givenAtFirst = 0
  const { session } = await open(t, (exchange) => {
    const give = () => {
      for (; !exchange.isBackedUp && given < size; given += piece.length) exchange.answerBody(piece, 0, piece.length)
      givenAtFirst ||= given
      if (given < size) exchange.flush()
      else exchange.answerEnd()
    }
    const nothing = () => {}
    exchange.attach({ onBody: nothing, onBodyEnd: nothing, onBodyPause: nothing, onDrain: give, onClientGone: nothing })
    exchange.answerHead(chunkedHead())
    give()
  })
  const { body } = await ask(session, {})
  assert.equal(body.length, size)
  assert.ok(givenAtFirst < megabyte, `${givenAtFirst} bytes were taken at once`)
})

test('the end of an answer may take longer than one deadline, as long as the client takes of it', async (t) => {
  const size = 500 * 1024
  const limits = { sendIdleTimeoutMs: 1500 }
  const { session, front } = await open(t, (exchange) => exchange.answerWhole(200, '', Buffer.alloc(size)), { limits })
  const stream = session.request({})
  let bytes = 0
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length
    stream.pause()
    setTimeout(() => stream.resume(), 80) // 200 KB/s: the answer takes more than 2 s
  })
  const startMs = performance.now()
  await once(stream, 'end')
  assert.equal(bytes, size)
  assert.ok(performance.now() - startMs > limits.sendIdleTimeoutMs, 'the client was not slow')
  assert.equal(front.counts.get('timeouts'), 0)
})

test("the head of a request stays that request's until an answer is out that takes longer than its call", async (t) => {
  const finished: string[] = []
  const { session, front } = await open(t, (exchange) => {
    exchange.answerWhole(200, '', Buffer.alloc(exchange.request.path === '/large' ? 2 * megabyte : 2))
  })
  front.server.handler.finished = ({ exchange }) => void finished.push(exchange.request.path)
  const stream = session.request({ ':path': '/large' })
  stream.pause()
  await once(stream, 'response')
  await Promise.all(['/other1', '/other2', '/other3'].map((path) => ask(session, { ':path': path })))
  stream.resume()
  await once(stream, 'end')
  await waitUntil(() => finished.length === 4, { what: 'the end of all', timeoutMs: limitMs })
  assert.equal(finished.at(-1), '/large')
})

async function open(t: TestContext, handle: (exchange: Exchange) => void, options: FrontOptions = {}) {
  const front = await openFront(t, 1, { listen: { servesPlainHttp2: true }, ...options })
  front.server.handler.handle = handle
  return { front, session: await openSession(t, front.port) }
}

function chunkedHead(): AnswerHead {
  const head = new AnswerHead(headLimits)
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  head.read(bytes, 0, bytes.length)
  head.understand(false)
  return head
}

function trailersOf(bytes: Buffer): HeadParser {
  const trailers = new HeadParser('trailers', headLimits)
  trailers.read(bytes, 0, bytes.length)
  return trailers
}
