// Malformed requests over real sockets: each is refused and ends its connection, no server sees a request that a strict
// reader would refuse, and the front goes on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStrictly } from '../../tiers/balancer/testing/strict-reader.ts'
import { refusals } from './refusals.ts'
import { askOnce, okAnswer, openFront, openRawServer } from './testing/front.ts'
import { chunked, get, malformedChunks, malformedHeads } from './testing/malformed.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'

test(`each of ${Object.keys(malformedHeads).length} malformed heads is refused with its status, and no server is asked`, async (t) => {
  const server = await openRawServer(t, () => undefined)
  const { port, counts, finished } = await openFront(t, server.port)
  for (const [what, [bytes, why]] of Object.entries(malformedHeads)) {
    const answer = await askOnce(t, port, bytes + smuggled)
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${refusals[why].status} `), what)
    assert.match(answer, /\r\nconnection: close\r\n/, what)
    assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, `${what}: a second answer`)
  }
  assert.equal(server.accepted(), 0)
  assert.equal(finished.length, 0)
  assert.equal(counts.get('refusals'), Object.keys(malformedHeads).length)
})

test(`each of ${Object.keys(malformedChunks).length} malformed chunked bodies is refused, wherever it is cut from its head`, async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (!text.endsWith('0\r\n\r\n')) return undefined
    socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port)
  for (const [what, [bytes]] of Object.entries(malformedChunks)) {
    const answer = await askOnce(t, port, chunked(bytes) + smuggled)
    assert.match(answer, /^HTTP\/1\.1 400 .*\r\nconnection: close\r\n/s, what)
    assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, `${what}: a second answer`)
  }
  assert.equal(server.accepted(), 0, 'what is malformed at once reaches nobody')
  // A sound chunk that was sent on already, then a malformed one: the request is cut, not finished.
  for (const [what, [bytes]] of Object.entries(malformedChunks)) {
    const before = server.accepted()
    const answer = await askOnce(t, port, chunked(`400\r\n${'y'.repeat(0x400)}\r\n`) + bytes + smuggled)
    assert.match(answer, /^HTTP\/1\.1 400 /, what)
    for (const stream of server.streams.slice(before)) {
      const { problems, messages } = readStrictly(stream, { mayBeCut: true })
      assert.deepEqual({ problems, messages }, { problems: [], messages: 0 }, what)
    }
  }
})

test('what is allowed is normalised: a strict reader finds nothing in what a server sees', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (readStrictly(text).messages === 0) return undefined
    socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port)
  const doubtful = {
    'a chunk extension': chunked('5;a=b\r\n12345\r\n0\r\n\r\n'),
    'a trailer': chunked('5\r\n12345\r\n0\r\nX-Trailer: 1\r\n\r\n'),
    'a framing field as trailer': chunked('0\r\nContent-Length: 5\r\n\r\n'),
    'a long chunk size': chunked('0000000000000005\r\n12345\r\n0\r\n\r\n'),
    'a length with zeros before it': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\n12345',
    'a body behind a GET': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345',
    'an absolute target': 'GET http://other/x HTTP/1.1\r\nHost: a\r\n\r\n',
    'an absolute target without a path': 'GET http://other?x HTTP/1.1\r\nHost: a\r\n\r\n',
    'framing fields in Connection': get('Connection: Host, Content-Length, Transfer-Encoding\r\n'),
    'an upgrade to h2c': get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n'),
    'a proxy header': get('Proxy: evil\r\nProxy-Connection: close\r\nX_Forwarded_For: 6.6.6.6\r\n'),
    'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
    'tabs and spaces around a value': get('X:\t y \t\r\n'),
    'blank lines first': `\r\n\r\n${get('')}`,
  }
  for (const [what, bytes] of Object.entries(doubtful)) {
    const before = server.streams.length
    const streamsBefore = server.streams.map((stream) => stream.length)
    assert.match(await askOnce(t, port, bytes, /\r\n\r\nok$/), /^HTTP\/1\.1 200 /, what)
    const news = server.streams.map((stream, i) => stream.slice(i < before ? streamsBefore[i] : 0)).join('')
    assert.deepEqual(readStrictly(news), { messages: 1, problems: [] }, `${what}:\n${news}`)
    assert.doesNotMatch(news, /evil|6\.6\.6\.6|h2c|proxy|x-trailer/i, what)
  }
})
