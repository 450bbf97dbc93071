// What clients of HTTP/2 and the servers behind see of each other: requests and answers in both directions, whole and
// streaming, and the end of either side.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { type Front, type FrontOptions, limitMs, okAnswer, openFront, openRawServer } from '../http1/testing/front.ts'
import { ask, frame, kinds, opening, openRawSession, openSession, plainRequest } from './testing/client.ts'

const megabyte = 1024 * 1024
const listen = { servesPlainHttp2: true }

const whenWhole = (answer: string) => (socket: { write(text: string): void }, text: string) => {
  const isWhole = /^(GET|HEAD|DELETE)/.test(text) ? text.endsWith('\r\n\r\n') : /(END|0\r\n\r\n)$/.test(text)
  if (isWhole) socket.write(answer)
  return isWhole
}

async function open(t: Parameters<typeof openFront>[0], answer = okAnswer, options: FrontOptions = {}) {
  const server = await openRawServer(t, whenWhole(answer))
  const front = await openFront(t, server.port, { listen, ...options })
  return { server, front, session: await openSession(t, front.port) }
}

test('a request reaches its server as HTTP/1.1, with the fields that this hop writes, and the answer comes back', async (t) => {
  const answer =
    'HTTP/1.1 201 Made\r\nX-A: 1\r\nX-A: 2\r\nConnection: X-B\r\nX-B: 3\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok'
  const { server, session, front } = await open(t, answer)
  const { status, fields, body } = await ask(session, {
    ':path': '/x?y=1',
    ':authority': 'example.org:8080',
    cookie: ['a=1', 'b=2'],
    'x-forwarded-for': '6.6.6.6',
    accept: 'text/html',
  })
  assert.equal(status, 201)
  assert.equal(body.toString(), 'ok')
  assert.equal(fields['x-a'], '1, 2')
  assert.equal(fields['x-b'], undefined)
  assert.equal(fields.connection, undefined)
  assert.equal(fields['keep-alive'], undefined)
  assert.equal(fields['content-length'], '2')
  assert.match(String(fields['x-request-id']), /^[0-9a-f-]{36}$/)
  const [seen = ''] = server.streams
  assert.match(seen, /^GET \/x\?y=1 HTTP\/1\.1\r\nhost: example\.org:8080\r\n/)
  assert.match(seen, /\r\ncookie: a=1; b=2\r\n/)
  assert.match(seen, /\r\nx-forwarded-for: 127\.0\.0\.1\r\n.*;proto=http\r\n/s)
  assert.doesNotMatch(seen, /6\.6\.6\.6|\n:|content-length|transfer-encoding/)
  assert.deepEqual(front.finished, [{ status: 201, bodyBytesOut: 2 }])
})

test('a hundred requests at once on one connection are answered, each with its own answer', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    const [, path = ''] = /^GET (\S+) .*\r\n\r\n$/s.exec(text) ?? []
    if (path === '') return undefined
    setTimeout(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`), 5)
    return true
  })
  const front = await openFront(t, server.port, { listen })
  const session = await openSession(t, front.port)
  const paths = Array.from({ length: 100 }, (_, i) => `/${i}`)
  const answers = await Promise.all(paths.map((path) => ask(session, { ':path': path })))
  assert.deepEqual(
    answers.map(({ body }) => body.toString()),
    paths,
  )
  assert.equal(front.counts.get('http2Connections'), 1)
  assert.equal(front.counts.get('requests'), 100)
})

test('a body of known length goes on with its length, one of unknown length in chunks, and a small one whole', async (t) => {
  const { server, session } = await open(t)
  await ask(session, { ':method': 'POST', 'content-length': '8' }, 'helloEND')
  await ask(session, { ':method': 'POST' }, 'helloEND')
  const stream = session.request({ ':method': 'POST' })
  stream.write('hello')
  await waitUntil(() => server.streams.join('').includes('5\r\nhello\r\n'), { what: 'a chunk', timeoutMs: limitMs })
  stream.end('END')
  const [head] = await once(stream, 'response')
  assert.equal(head[':status'], 200)
  stream.resume()
  const [first = '', second = '', third = ''] = server.streams.join('').split(/(?=POST )/)
  assert.match(first, /content-length: 8\r\n.*helloEND$/s)
  assert.match(second, /content-length: 8\r\n.*helloEND$/s)
  assert.match(third, /transfer-encoding: chunked\r\n.*5\r\nhello\r\n3\r\nEND\r\n0\r\n\r\n$/s)
})

test('HEAD, 204 and 304 have no body, and their length is told', async (t) => {
  for (const [method, answer, status] of [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 200],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n', 304],
  ] as const) {
    const { session } = await open(t, answer)
    const got = await ask(session, { ':method': method })
    assert.equal(got.status, status)
    assert.equal(got.body.length, 0)
    assert.equal(got.fields['content-length'], status === 204 ? undefined : '5')
  }
})

test('interim answers and trailers pass, trailers to those who take them', async (t) => {
  const answer = [
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n',
  ].join('')
  const { session } = await open(t, answer)
  const taken = await ask(session, { te: 'trailers' })
  assert.equal(taken.body.toString(), 'ok')
  assert.deepEqual(Object.entries(taken.trailers), [['x-sum', '7']])
  assert.deepEqual(
    taken.interim.map((head) => [head[':status'], head['link']]),
    [[103, '</a>']],
  )
  const untaken = await ask(session, {})
  assert.equal(untaken.body.toString(), 'ok')
  assert.deepEqual(Object.entries(untaken.trailers), [])
})

test('a client that waits for 100 Continue gets it from the server behind', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    if (!text.endsWith('END')) return undefined
    socket.write(okAnswer)
    return true
  })
  const front = await openFront(t, server.port, { listen })
  const session = await openSession(t, front.port)
  const stream = session.request({ ':method': 'PUT', expect: '100-continue', 'content-length': '3' })
  await once(stream, 'continue')
  stream.end('END')
  const [head] = await once(stream, 'response')
  assert.equal(head[':status'], 200)
  stream.resume()
  await once(stream, 'close')
})

test('large bodies pass whole in both directions, at the pace of the slower side', async (t) => {
  const size = 32 * megabyte
  const piece = Buffer.alloc(megabyte, 'p')
  let [sent, received] = [0, 0]
  let hasPaused = false
  const server = await openRawServer(t, (socket, text) => {
    received += text.length
    const send = (): void => {
      while (sent < size) {
        sent += piece.length
        if (!socket.write(piece)) return void socket.once('drain', send)
      }
    }
    if (text.startsWith('GET')) {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      send()
    } else if (!hasPaused) {
      hasPaused = true
      socket.pause()
      setTimeout(() => socket.resume(), 300)
    } else if (received >= size) socket.write(okAnswer)
    return true
  })
  const front = await openFront(t, server.port, { listen, forward: { bodyBytesMax: 2 * size } })
  const session = await openSession(t, front.port)
  const down = session.request({})
  let bytes = 0
  down.on('data', (part: Buffer) => {
    if (bytes === 0) {
      down.pause()
      setTimeout(() => {
        assert.ok(sent < size / 2, `${sent / megabyte} MB came from the server while the client took none`)
        down.resume()
      }, 300)
    }
    bytes += part.length
  })
  await once(down, 'end')
  assert.equal(bytes, size)

  received = 0
  const up = session.request({ ':method': 'POST' })
  let written = 0
  for (; written < size; written += piece.length) {
    if (!up.write(piece)) await once(up, 'drain')
    if (received < 2 * megabyte)
      assert.ok(written < size / 2, `${written / megabyte} MB went to a server that took none`)
  }
  up.end()
  const [head] = await once(up, 'response')
  assert.equal(head[':status'], 200)
  up.close()
})

test('a client that gives a request up ends the work for it, and the connection goes on', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (text.includes('/hang')) return true
    return whenWhole(okAnswer)(socket, text)
  })
  const front = await openFront(t, server.port, { listen })
  const session = await openSession(t, front.port)
  const stream = session.request({ ':path': '/hang' })
  await waitUntil(() => front.inHand() === 1, { what: 'the request', timeoutMs: limitMs })
  stream.close(8)
  await waitUntil(() => front.inHand() === 0 && server.sockets.size === 0, { what: 'its end', timeoutMs: limitMs })
  assert.equal((await ask(session, {})).status, 200)
  assert.equal(front.finished[0]?.status, 499)
})

test('an answer that its server cuts is reset, one that never begins is 502, and neither ends the connection', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (text.includes('/cut')) {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n')
      setTimeout(() => socket.destroy(), 20)
    } else if (text.includes('/none')) socket.destroy()
    else return whenWhole(okAnswer)(socket, text)
    return true
  })
  const front = await openFront(t, server.port, { listen })
  const session = await openSession(t, front.port)
  await assert.rejects(ask(session, { ':path': '/cut' }), /reset with 2|NGHTTP2_INTERNAL_ERROR/)
  assert.equal((await ask(session, { ':path': '/none' })).status, 502)
  assert.equal((await ask(session, {})).status, 200)
})

test('a drain lets streams finish, takes those that were on their way, and then closes', async (t) => {
  const waiting: Array<() => void> = []
  const server = await openRawServer(t, (socket, text) => {
    if (!text.endsWith('\r\n\r\n')) return undefined
    waiting.push(() => socket.write(okAnswer))
    return true
  })
  const front: Front = await openFront(t, server.port, { listen })
  const [busy, idle] = [await openSession(t, front.port), await openSession(t, front.port)]
  const late = await openRawSession(t, front.port)
  late.send(opening)
  await late.until('SETTINGS', (frames) => frames.some(({ kind }) => kind === kinds.settings))
  late.send(frame(kinds.settings, 1, 0))
  const first = ask(busy, {})
  await waitUntil(() => waiting.length === 1, { what: 'the request', timeoutMs: limitMs })
  const idleClosed = once(idle, 'close')
  const drained = front.server.drain(limitMs)
  await idleClosed
  // A request that was sent before the client heard of the drain, and its answer to the PING behind it.
  const isGoaway = ({ kind }: { kind: number }) => kind === kinds.goaway
  await late.until(
    'GOAWAY and PING',
    (frames) => frames.some(isGoaway) && frames.some(({ kind }) => kind === kinds.ping),
  )
  const ping = late.frames().find(({ kind }) => kind === kinds.ping)?.payload
  late.send(frame(kinds.headers, 5, 1, plainRequest), frame(kinds.ping, 1, 0, ping))
  await waitUntil(() => waiting.length === 2, { what: 'the late request', timeoutMs: limitMs })
  await late.until('the second GOAWAY', (frames) => frames.filter(isGoaway).length === 2)
  for (const answer of waiting) answer()
  assert.equal((await first).status, 200)
  await late.until('the answer', (frames) => frames.some(({ kind, flags }) => kind === kinds.data && flags === 1))
  await drained
  const lastStreams = late
    .frames()
    .filter(isGoaway)
    .map(({ payload }) => payload.readUInt32BE(0))
  assert.deepEqual(lastStreams.slice(0, 2), [2 ** 31 - 1, 1])
  assert.equal(front.server.connections, 0)
})

test('a connection that comes to be during a drain has its request answered, and is asked to leave in order', async (t) => {
  const server = await openRawServer(t, whenWhole(okAnswer))
  const front = await openFront(t, server.port, { listen })
  const late = await openRawSession(t, front.port)
  await waitUntil(() => front.server.connections === 1, { what: 'the connection', timeoutMs: limitMs })
  const drained = front.server.drain(limitMs)
  late.send(opening, frame(kinds.headers, 5, 1, plainRequest))
  await late.until('the answer', (frames) => frames.some(({ kind, flags }) => kind === kinds.data && flags === 1))
  late.send(frame(kinds.settings, 1, 0))
  await late.until('PING', (frames) => frames.some(({ kind }) => kind === kinds.ping))
  const ping = late.frames().find(({ kind }) => kind === kinds.ping)?.payload
  late.send(frame(kinds.ping, 1, 0, ping))
  assert.equal(await late.closedWith(), 0)
  await drained
  const order = late.frames().map(({ kind }) => kind)
  assert.equal(order[0], kinds.settings)
  assert.ok(order.indexOf(kinds.goaway) < order.indexOf(kinds.ping))
})

test('a connection without requests is asked to leave, and one that never begins is ended', async (t) => {
  const { session, front } = await open(t, okAnswer, { limits: { keepAliveTimeoutMs: 300, headersTimeoutMs: 300 } })
  const silent = await openSession(t, front.port)
  const silentClosed = once(silent, 'close')
  const code = once(session, 'goaway')
  await ask(session, {})
  assert.equal((await code)[0], 0)
  await Promise.all([session.closed || once(session, 'close'), silentClosed])
  await waitUntil(() => front.server.connections === 0, { what: 'no connection', timeoutMs: limitMs })
})

test('a body that stops is 408, and an answer that nobody takes is given up', async (t) => {
  const size = 4 * megabyte
  const server = await openRawServer(t, (socket, text) => {
    if (!text.startsWith('GET')) return undefined
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size))
    return true
  })
  const limits = { bodyIdleTimeoutMs: 200, sendIdleTimeoutMs: 300 }
  const front = await openFront(t, server.port, { listen, limits })
  const session = await openSession(t, front.port)
  const slow = session.request({ ':method': 'POST' })
  slow.write('a')
  const [head] = await once(slow, 'response')
  assert.equal(head[':status'], 408)
  slow.close()
  const untaken = session.request({})
  untaken.on('error', () => {})
  untaken.pause()
  await once(untaken, 'response')
  await waitUntil(() => front.inHand() === 0, { what: 'the end of the answer', timeoutMs: limitMs })
  assert.ok(front.counts.get('timeouts') >= 2)
  untaken.destroy()
})

test('headers beyond the limit are 431, and a stream that goes far beyond it is reset, without harm to others', async (t) => {
  const { session, server } = await open(t)
  assert.equal((await ask(session, { 'x-large': 'x'.repeat(20_000) })).status, 431)
  const many = Object.fromEntries(Array.from({ length: 205 }, (_, i) => [`x-${i}`, 'y']))
  assert.equal((await ask(session, many)).status, 431)
  await assert.rejects(ask(session, { 'x-large': 'x'.repeat(50_000) }), /ENHANCE_YOUR_CALM/)
  assert.equal((await ask(session, {})).status, 200)
  assert.equal(server.accepted(), 1)
})

test('a Host that is none is 400, and so is what only HTTP/1.1 has; CONNECT and TRACE are 501', async (t) => {
  const { session, server } = await open(t)
  assert.equal((await ask(session, { ':authority': 'a:x' })).status, 400)
  assert.equal((await ask(session, { ':path': '*', ':method': 'OPTIONS' })).status, 400)
  assert.equal((await ask(session, { ':method': 'TRACE' })).status, 501)
  assert.equal((await ask(session, { ':method': 'PATCH', expect: 'cookies' }, 'x')).status, 417)
  assert.equal(server.accepted(), 0)
})
