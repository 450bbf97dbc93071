// Clients that are slow, silent, too loud, or gone: each is told or cut within its time-out, and nothing of it is left.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import type { ServerLimits } from './limits.ts'
import { askOnce, limitMs, okAnswer, openClient, openFront, openRawServer, type RawClient } from './testing/front.ts'
import { chunked, get, post } from './testing/malformed.ts'

/** Short, and each different, so that a test sees which one it was. */
const short: Partial<ServerLimits> = {
  ...{ headersTimeoutMs: 300, keepAliveTimeoutMs: 500, requestTimeoutMs: 1500, bodyIdleTimeoutMs: 300 },
  ...{
    bodyRateWindowMs: 600,
    bodyBytesPerSecondMin: 100,
    sendIdleTimeoutMs: 400,
    lingerMs: 300,
    lingerBytesMax: 200_000,
  },
}

const whenWhole = (socket: { write(text: string): void }, text: string) => {
  const isWhole = text.startsWith('POST')
    ? text.endsWith('END') || text.endsWith('0\r\n\r\n')
    : text.endsWith('\r\n\r\n')
  if (isWhole) socket.write(okAnswer)
  return isWhole
}

test('a head that comes byte by byte is 408 when its time is over, however steadily it comes', async (t) => {
  const server = await openRawServer(t, whenWhole)
  const { port } = await openFront(t, server.port, { limits: short })
  const clients = await Promise.all(Array.from({ length: 50 }, () => openClient(t, port)))
  const began = Date.now()
  const drip = setInterval(() => {
    for (const { socket } of clients) if (socket.writable) socket.write('X')
  }, 30)
  for (const { socket } of clients) socket.write('GET / HTTP/1.1\r\nX-')
  const texts = await Promise.all(clients.map((client) => client.closed()))
  clearInterval(drip)
  for (const text of texts) assert.match(text, /^HTTP\/1\.1 408 .*connection: close/s)
  assert.ok(Date.now() - began < 3000)
  assert.equal(server.accepted(), 0)
})

test('a connection that says nothing is closed without a word, before a request and after one', async (t) => {
  const server = await openRawServer(t, whenWhole)
  const { port } = await openFront(t, server.port, { limits: short })
  const [silent, kept] = [await openClient(t, port), await openClient(t, port)]
  kept.send(get(''))
  await kept.until(/ok$/)
  assert.equal(await silent.closed(), '')
  assert.match(await kept.closed(), /ok$/)
})

test('a body that stops, that trickles, or that takes too long in all is 408, and its server is let go', async (t) => {
  const server = await openRawServer(t, whenWhole)
  const { port, inHand } = await openFront(t, server.port, { limits: short })
  const ways: Record<string, (client: RawClient) => NodeJS.Timeout | undefined> = {
    stops: () => undefined,
    trickles: (client) => setInterval(() => client.socket.writable && client.send('1\r\nx\r\n'), 100),
    lasts: (client) => setInterval(() => client.socket.writable && client.send(`40\r\n${'x'.repeat(64)}\r\n`), 100),
  }
  for (const [way, begin] of Object.entries(ways)) {
    const client = await openClient(t, port)
    client.send(chunked('5\r\nhello\r\n'))
    const timer = begin(client)
    assert.match(await client.closed(), /^HTTP\/1\.1 408 /, way)
    clearInterval(timer)
    await waitUntil(() => inHand() === 0, { what: 'the release', timeoutMs: limitMs })
  }
  const kept = await openClient(t, port)
  kept.send(post('Content-Length: 100\r\n', 'x'))
  assert.match(await kept.closed(), /^HTTP\/1\.1 408 /, 'a small body that is waited for')
})

test('a client that takes nothing of its answer is cut, and the server behind it is let go', async (t) => {
  const piece = 'y'.repeat(100_000)
  const server = await openRawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${500 * piece.length}\r\n\r\n`)
    for (let i = 0; i < 500; i++) socket.write(piece)
    return true
  })
  const { port, counts, inHand } = await openFront(t, server.port, { limits: short })
  const client = await openClient(t, port)
  client.socket.pause()
  client.send(get(''))
  await waitUntil(() => counts.get('timeouts') === 1, { what: 'the time-out', timeoutMs: limitMs })
  await waitUntil(() => inHand() === 0 && server.sockets.size === 0, { what: 'the release', timeoutMs: limitMs })
})

test('what is too large is refused: head, target, fields, body; and the client can read that', async (t) => {
  const server = await openRawServer(t, whenWhole)
  const { port } = await openFront(t, server.port, {
    limits: short,
    forward: { bodyBytesMax: 100_000, keptBodyBytesMax: 10 },
  })
  const cases: Array<[string, number]> = [
    [get(`X: ${'x'.repeat(20_000)}\r\n`), 431],
    [get('X: y\r\n'.repeat(500)), 431],
    [get('', `/${'x'.repeat(20_000)}`), 414],
    [post('Content-Length: 100001\r\n', 'x'.repeat(100_001)), 413],
    [post('Content-Length: 99999999999\r\n', 'x'.repeat(100_000)), 413],
    [chunked(`ffff\r\n${'x'.repeat(0xffff)}\r\n`.repeat(2)), 413],
  ]
  for (const [bytes, status] of cases) {
    const client = await openClient(t, port)
    client.send(bytes)
    assert.match(await client.until(/\}\}$/), new RegExp(`^HTTP/1\\.1 ${status} `))
    client.socket.destroy()
  }
})

test('the rest of a refused body is dropped up to a limit, and the connection goes on below it', async (t) => {
  const server = await openRawServer(t, whenWhole)
  const { port } = await openFront(t, server.port, { limits: short, forward: { bodyBytesMax: 10 } })
  const below = await openClient(t, port)
  below.send(post('Content-Length: 150000\r\n', 'x'.repeat(150_000)) + get(''))
  assert.match(await below.until(/ok$/), /^HTTP\/1\.1 413 .*connection: keep-alive.*HTTP\/1\.1 200/s)
  const above = await openClient(t, port)
  above.send(post('Content-Length: 900000\r\n', 'x'.repeat(150_000)))
  assert.match(await above.until(/\}\}$/), /^HTTP\/1\.1 413 .*connection: close/s)
  above.send('x'.repeat(700_000))
  await above.closed()
})

test('a client that closes in any state of its request leaves nothing behind', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (text.includes('/answer')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun')
    return true
  })
  const { port, counts, inHand, pool } = await openFront(t, server.port)
  const states: Record<string, string> = {
    nothing: '',
    'the first line': 'GET / HT',
    'a field': 'GET / HTTP/1.1\r\nHost: a\r\nX: ',
    'the whole request': get('', '/hang'),
    'a body that is kept': post('Content-Length: 100\r\n', 'x'),
    'a body that streams': chunked('5\r\nhello\r\n'),
    'a chunk size': chunked('5'),
    'an answer': get('', '/answer'),
    'an answer whose request is not over': `POST /answer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`,
    'a pipeline': get('', '/hang') + get(''),
  }
  for (const how of ['end', 'resetAndDestroy'] as const)
    for (const [state, bytes] of Object.entries(states)) {
      const client = await openClient(t, port)
      client.send(bytes)
      if (state.includes('answer')) await client.until(/begun$/)
      else await new Promise((resolve) => setTimeout(resolve, 15))
      client.socket[how]()
      await waitUntil(() => counts.get('connectionsOpen') === 0 && inHand() === 0 && pool.size === 0, {
        what: `nothing left after ${how} in ${state}`,
        timeoutMs: limitMs,
      })
    }
  assert.equal(counts.get('requestsInFlight'), 0)
})

test('2,000 slow heads at once are all refused in time, and others are served meanwhile', async (t) => {
  const server = await openRawServer(t, whenWhole)
  const { port } = await openFront(t, server.port, {
    limits: { ...short, connectionsPerAddressMax: 3000, headersTimeoutMs: 4000 },
  })
  const slow: RawClient[] = []
  for (let i = 0; i < 2000; i += 100)
    slow.push(...(await Promise.all(Array.from({ length: 100 }, () => openClient(t, port)))))
  for (const client of slow) client.send('GET / HTTP/1.1\r\nX: ')
  const began = Date.now()
  for (let i = 0; i < 20; i++) assert.match(await askOnce(t, port, get(''), /ok$/), /^HTTP\/1\.1 200/)
  assert.ok(Date.now() - began < 2000)
  const texts = await Promise.all(slow.map((client) => client.closed()))
  assert.equal(texts.filter((text) => text.startsWith('HTTP/1.1 408 ')).length, 2000)
})
