// One fetch for many clients: who reads slowly, who goes away, and for whom its answer is not.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

const timeoutMs = 10_000

test('whoever comes while an answer is on its way reads it from its beginning', async (t) => {
  let held: ServerResponse | undefined
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.write('first ')
    held = response
  })
  const { get, edge } = await openEdgeFront(t, origin)
  const early = get('/a')
  await waitUntil(() => held, { what: 'the request', timeoutMs })
  const late = get('/a')
  await waitUntil(() => edge.report().requests.coalesced === 1, { what: 'the second to join', timeoutMs })
  held?.end('second')
  const answers = await Promise.all([early, late])
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['first second', 'first second'],
  )
  assert.equal(answers[1].cache, 'fwd=uri-miss; ttl=60; stored; collapsed')
  assert.equal(origin.seen.length, 1)
})

test('a client that goes away ends no fetch that others wait for, nor one that is being kept', async (t) => {
  const held: ServerResponse[] = []
  const origin = await openOrigin(t, (_request, response) => void held.push(response))
  const { port, get, edge } = await openEdgeFront(t, origin)
  const leader = connect(port, '127.0.0.1')
  leader.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => held.length === 1, { what: 'the request', timeoutMs })
  const other = get('/a', { headers: { host: 'a' } })
  await new Promise((resolve) => setTimeout(resolve, 50))
  leader.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  held[0]?.setHeader('cache-control', 'max-age=60')
  held[0]?.end('hello')
  assert.equal((await other).text, 'hello')
  // Alone, and the head has come: the rest is for the store.
  const second = connect(port, '127.0.0.1')
  second.write('GET /b HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => held.length === 2, { what: 'the second request', timeoutMs })
  held[1]?.setHeader('cache-control', 'max-age=60')
  held[1]?.write('one ')
  await once(second, 'data')
  second.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  held[1]?.end('two')
  await waitUntil(() => edge.report().objects === 2, { what: 'what is kept', timeoutMs })
  assert.deepEqual([(await get('/b', { headers: { host: 'a' } })).text, held.length], ['one two', 2])
})

test('a fetch that nobody waits for any more is given up', async (t) => {
  let isClosed = false
  const origin = await openOrigin(t, (_request, response) => {
    response.on('close', () => {
      isClosed = true
    })
  })
  const { port } = await openEdgeFront(t, origin)
  const client = connect(port, '127.0.0.1')
  client.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => origin.seen.length === 1, { what: 'the request', timeoutMs })
  client.destroy()
  await waitUntil(() => isClosed, { what: 'the end of the connection to the server', timeoutMs })
})

test('a client that reads slowly holds up neither the others nor the server, and gets every byte', async (t) => {
  const body = Buffer.alloc(12 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz')
  let isOut = false
  const origin = await openOrigin(t, async (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.setHeader('content-length', body.length)
    await new Promise((resolve) => setTimeout(resolve, 100))
    response.end(body, () => {
      isOut = true
    })
  })
  const settings = { objectBytesMax: 16 * 1024 * 1024, memoryBytesMax: 256 * 1024 * 1024 }
  const { port, get } = await openEdgeFront(t, origin, { settings })
  const slow = connect({ port, host: '127.0.0.1', highWaterMark: 1024 } as never)
  slow.pause()
  slow.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => origin.seen.length === 1, { what: 'the request', timeoutMs })
  const quick = await get('/a', { headers: { host: 'a' } })
  assert.equal(quick.text.length, body.length)
  assert.ok(isOut, 'the server waits for the slow client')
  const pieces: Buffer[] = []
  let bytes = 0
  slow.on('data', (piece: Buffer) => {
    pieces.push(piece)
    bytes += piece.length
  })
  slow.resume()
  await waitUntil(() => bytes > body.length, { what: 'the slow client', timeoutMs })
  slow.destroy()
  const text = Buffer.concat(pieces)
  assert.ok(text.subarray(text.indexOf('\r\n\r\n') + 4).equals(body), 'the slow client got other bytes')
  assert.equal(origin.seen.length, 1)
})

test('a single slow client slows its server down: no more than a little is held for it', async (t) => {
  const piece = Buffer.alloc(256 * 1024, 'x')
  let sent = 0
  const origin = await openOrigin(t, async (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    for (let i = 0; i < 200 && !response.destroyed; i++) {
      sent += piece.length
      await new Promise((resolve) => response.write(piece, resolve))
    }
    response.end()
  })
  const settings = { objectBytesMax: 128 * 1024 * 1024, memoryBytesMax: 2 ** 30 }
  const { port } = await openEdgeFront(t, origin, { settings })
  const slow = connect(port, '127.0.0.1')
  slow.pause()
  slow.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => sent > 0, { what: 'the answer', timeoutMs })
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.ok(sent < 30 * 1024 * 1024, `${sent} bytes were taken from the server`)
  slow.destroy()
})

test('requests that differ by what the answer varies by are told apart, although they waited for the same', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.setHeader('vary', 'X-Kind')
    setTimeout(() => response.end(`kind ${request.headers['x-kind']}`), 50)
  })
  const { get } = await openEdgeFront(t, origin)
  const kinds = ['a', 'b', 'a', 'c', 'b', 'a']
  const answers = await Promise.all(kinds.map((kind) => get('/', { headers: { 'x-kind': kind } })))
  assert.deepEqual(
    answers.map(({ text }) => text),
    kinds.map((kind) => `kind ${kind}`),
  )
  assert.equal(origin.seen.length, 3)
})

test('an answer without a length that grows too large reaches those who read it, and is not kept', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    for (let i = 0; i < 8; i++) response.write(Buffer.alloc(100_000, 'x'))
    response.end('end')
  })
  const { get, edge } = await openEdgeFront(t, origin, { settings: { objectBytesMax: 400_000 } })
  const answers = await Promise.all([get('/a'), get('/a'), get('/a', { headers: { range: 'bytes=0-1' } })])
  assert.deepEqual(
    answers.map(({ text }) => text.length),
    [800_003, 800_003, 800_003],
  )
  assert.equal(edge.report().objects, 0)
})

test('an answer that breaks off is not kept, and whoever has a part of it sees that', async (t) => {
  let isBroken = true
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.setHeader('content-length', 2_000_000)
    if (!isBroken) response.end(Buffer.alloc(2_000_000))
    else response.write(Buffer.alloc(500_000), () => setTimeout(() => response.destroy(), 50))
  })
  const { get, edge } = await openEdgeFront(t, origin)
  const results = await Promise.allSettled([get('/a'), get('/a')])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(edge.report().objects, 0)
  isBroken = false
  assert.equal((await get('/a')).text.length, 2_000_000)
})

test('a small answer that breaks off is 502 for all who waited', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.setHeader('content-length', 1000)
    response.write('x')
    setTimeout(() => response.destroy(), 50)
  })
  const { get } = await openEdgeFront(t, origin)
  const answers = await Promise.all([get('/a'), get('/a'), get('/a')])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [502, 502, 502],
  )
  assert.equal(origin.seen.length, 1)
})

test('whoever was to read from the store what is not kept after all is let go, and never left to hang', async (t) => {
  const piece = Buffer.alloc(1024 * 1024, 'x')
  const held: ServerResponse[] = []
  const origin = await openOrigin(t, async (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    held.push(response)
    if (held.length > 1) response.end('again')
  })
  const settings = { objectBytesMax: 16 * 1024 * 1024, memoryBytesMax: 256 * 1024 * 1024 }
  const { port, get, edge } = await openEdgeFront(t, origin, { settings })
  const slow = connect({ port, host: '127.0.0.1', highWaterMark: 1024 } as never)
  slow.pause()
  slow.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => held.length === 1, { what: 'the request', timeoutMs })
  const headers = { host: 'a' }
  const quick = get('/a', { headers })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const write = async (pieces: number) => {
    for (let i = 0; i < pieces; i++) await new Promise((resolve) => held[0]?.write(piece, resolve))
  }
  await write(12)
  await waitUntil(() => edge.report().bytesFromOrigin === 12 * piece.length, { what: 'the first part', timeoutMs })
  const late = get('/a', { headers })
  await new Promise((resolve) => setTimeout(resolve, 50))
  slow.on('error', () => {})
  const isCut = new Promise((resolve) => slow.once('close', resolve))
  await write(12)
  held[0]?.end()
  assert.equal((await late).text, 'again')
  assert.equal((await quick).text.length, 24 * piece.length)
  slow.resume()
  await isCut
})

test('whoever comes after the beginning is gone, of what is then not kept, asks anew', async (t) => {
  const held: ServerResponse[] = []
  const body = Buffer.alloc(3 * 1024 * 1024, 'x')
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    held.push(response)
    response.write(body)
    if (held.length > 1) response.end()
  })
  const { get, edge, port } = await openEdgeFront(t, origin)
  const early = get('/a')
  await waitUntil(() => edge.report().bytesFromOrigin === body.length, { what: 'the body', timeoutMs })
  const late = get('/a')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await edge.purge({ url: `http://127.0.0.1:${port}/a` })
  held[0]?.end('end')
  assert.deepEqual([(await early).text.length, (await late).text.length], [body.length + 3, body.length])
  assert.equal(origin.seen.length, 2)
})

test('a request behind another on its connection joins no fetch that is over', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    const isSame = request.headers['if-none-match'] === '"v"'
    response.writeHead(isSame ? 304 : 200, { 'cache-control': 'max-age=60', etag: '"v"' })
    setTimeout(() => response.end(isSame ? '' : 'hello'), 20)
  })
  const { port, get } = await openEdgeFront(t, origin)
  await get('/a', { headers: { host: 'a' } })
  const client = connect(port, '127.0.0.1')
  let text = ''
  client.on('data', (bytes) => {
    text += bytes
  })
  client.write('GET /a HTTP/1.1\r\nHost: a\r\nCache-Control: no-cache\r\n\r\n'.repeat(3))
  await waitUntil(() => text.split('hello').length === 4, { what: 'three answers', timeoutMs })
  client.destroy()
  await origin.stop()
  const lost = connect(port, '127.0.0.1')
  let refused = ''
  lost.on('data', (bytes) => {
    refused += bytes
  })
  lost.write('GET /b HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3))
  await waitUntil(() => refused.split('HTTP/1.1 50').length === 4, { what: 'three refusals', timeoutMs })
  lost.destroy()
})
