// The edge before clients that speak HTTP/2: many streams of one connection, the same answers.

import assert from 'node:assert/strict'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2'
import { test } from 'node:test'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

interface Answer {
  headers: IncomingHttpHeaders & IncomingHttpStatusHeader
  text: string
}

function ask(session: ClientHttp2Session, headers: Record<string, string>): Promise<Answer> {
  const stream = session.request({ ':path': '/a', ...headers })
  return new Promise((resolve, reject) => {
    let got: Answer['headers'] = {}
    let text = ''
    stream.on('response', (head) => {
      got = head
    })
    stream.setEncoding('latin1')
    stream.on('data', (piece: string) => {
      text += piece
    })
    stream.on('end', () => resolve({ headers: got, text }))
    stream.on('error', reject)
    stream.end()
  })
}

test('streams of one connection wait for one fetch, read slowly or at once, and are answered from what is kept', async (t) => {
  const body = Buffer.alloc(3_000_000, 'abcdefghijklmnopqrstuvwxyz').toString('latin1')
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=100', etag: '"v"', 'cache-tag': 'a' })
    response.write(body.slice(0, 1_000_000))
    setTimeout(() => response.end(body.slice(1_000_000)), 100)
  })
  const { port, edge } = await openEdgeFront(t, origin)
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(session, {})))
  for (const { text, headers } of answers) {
    assert.ok(text === body, `${text.length} bytes`)
    assert.equal(headers[':status'], 200)
  }
  assert.equal(origin.seen.length, 1)
  const hit = await ask(session, {})
  assert.ok(hit.text === body)
  assert.equal(hit.headers['cache-status'], 'edge-1; hit; ttl=100')
  assert.equal(hit.headers.date, answers[0]?.headers.date)
  const part = await ask(session, { range: 'bytes=26-30' })
  assert.deepEqual([part.headers[':status'], part.text, part.headers['content-length']], [206, 'abcde', '5'])
  const same = await ask(session, { 'if-none-match': '"v"' })
  assert.deepEqual([same.headers[':status'], same.headers['content-length'], same.text], [304, undefined, ''])
  const head = await ask(session, { ':method': 'HEAD' })
  assert.deepEqual([head.headers['content-length'], head.text], ['3000000', ''])
  assert.equal(edge.report().requests.coalesced, 19)
})

test('a stream that its client gives up ends nothing that other streams wait for', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=100')
    setTimeout(() => response.end('hello'), 200)
  })
  const { port } = await openEdgeFront(t, origin)
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const first = session.request({ ':path': '/a' })
  first.on('error', () => {})
  await new Promise((resolve) => setTimeout(resolve, 50))
  const second = ask(session, {})
  await new Promise((resolve) => setTimeout(resolve, 50))
  first.close(8)
  assert.equal((await second).text, 'hello')
  assert.equal(origin.seen.length, 1)
})
