// What a client sees of the engine: pipelines, old clients, interim answers, trailers, upgrades, leaving; and how an answer
// ends in every case.

import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import { isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { HttpServer } from '../server/http-server.ts'
import { address, askOnce, body, limitMs, okAnswer, openClient, openFront, openRawServer } from './testing/front.ts'
import { chunked, get, post } from './testing/malformed.ts'

/** Answers each request head that has come whole. */
const always = (answer: string) => (socket: { write(text: string): void }, text: string) => {
  if (!text.includes('\r\n\r\n')) return undefined
  socket.write(answer)
  return true
}

test('a pipeline is answered in order, each request sent when the one before is answered', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    const path = /^GET (\S+)/.exec(text)?.[1] ?? ''
    setTimeout(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`), path.length % 7)
    assert.equal(text.match(/^GET /gm)?.length, 1, 'two requests at once on one connection')
    return true
  })
  const { port } = await openFront(t, server.port)
  const client = await openClient(t, port)
  const paths = Array.from({ length: 50 }, (_, i) => `/${'x'.repeat(i % 9)}${i}`)
  client.send(paths.map((path) => get('', path)).join(''))
  const text = await client.until(/\/\w*49$/)
  assert.deepEqual(text.split(/HTTP\/1\.1 200.*?\r\n\r\n/s).slice(1), paths)
})

test('a pipeline of answers of our own is no recursion', async (t) => {
  const { port } = await openFront(t, 1, { forward: { bodyBytesMax: 1 } })
  const client = await openClient(t, port)
  client.send(post('Content-Length: 2\r\n', 'xx').repeat(20_000))
  await client.until((text) => (text.match(/HTTP\/1\.1 413 /g)?.length ?? 0) === 20_000)
})

test('HTTP/1.0 is kept only where it asks for it, and gets no chunks', async (t) => {
  const server = await openRawServer(
    t,
    always('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'),
  )
  const { port } = await openFront(t, server.port)
  const head = 'GET / HTTP/1.0\r\nHost: a\r\n'
  for (const fields of ['', 'Connection: keep-alive\r\n']) {
    const text = await askOnce(t, port, `${head}${fields}\r\n`)
    assert.match(text, /connection: close/)
    assert.doesNotMatch(text, /transfer-encoding/i)
    assert.equal(body(text), 'hi')
  }
  const sized = await openRawServer(t, always(okAnswer))
  const { port: other } = await openFront(t, sized.port)
  assert.match(await askOnce(t, other, `${head}\r\n`), /connection: close/)
  const client = await openClient(t, other)
  client.send(`${head}Connection: keep-alive\r\n\r\n`)
  assert.match(await client.until(/ok$/), /connection: keep-alive/)
  client.send(`${head}Connection: keep-alive\r\n\r\n`)
  await client.until(/ok.*ok$/s)
})

test('an answer that lasts until its connection ends comes in chunks, and its end is the end', async (t) => {
  const server = await openRawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\none')
    setTimeout(() => socket.end('two'), 20)
    return true
  })
  const { port } = await openFront(t, server.port)
  const text = await askOnce(t, port, get(''), /0\r\n\r\n$/)
  assert.match(text, /transfer-encoding: chunked/)
  assert.equal(body(text), '3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n')
})

test('answers to HEAD, 204 and 304 have no body whatever their fields say, and the connection goes on', async (t) => {
  const answers = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n',
    okAnswer,
  ]
  const server = await openRawServer(t, (socket) => {
    socket.write(answers.shift() ?? '')
    return true
  })
  const { port } = await openFront(t, server.port)
  const head = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'
  const text = await askOnce(t, port, head + head + get('') + get('') + get(''), /ok$/)
  const heads = text.split('\r\n\r\n').slice(0, 5)
  assert.deepEqual(
    heads.map((each) => /^HTTP\/1\.1 (\d+)/.exec(each)?.[1]),
    ['200', '200', '204', '304', '200'],
  )
  assert.match(heads[0] ?? '', /content-length: 5/)
  assert.doesNotMatch(heads[1] ?? '', /content-length|transfer-encoding/)
  assert.doesNotMatch(heads[2] ?? '', /content-length/i)
  assert.match(heads[3] ?? '', /content-length: 7/)
  assert.equal(server.accepted(), 1)
})

test('interim answers go through to HTTP/1.1 and not to HTTP/1.0; too many are a bad answer', async (t) => {
  let interim = 1
  const server = await openRawServer(t, (socket) => {
    socket.write(
      `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(interim)}HTTP/1.1 102 Processing\r\n\r\n${okAnswer}`,
    )
    return true
  })
  const { port } = await openFront(t, server.port)
  const text = await askOnce(t, port, get('Connection: close\r\n'))
  assert.match(
    text,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  )
  assert.match(await askOnce(t, port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n/)
  interim = 100
  assert.match(await askOnce(t, port, get('Connection: close\r\n')), /502 Bad Gateway/)
})

test('trailers of an answer reach the client that takes them, framing fields among them do not', async (t) => {
  const answer =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\nHost: b\r\n\r\n'
  const server = await openRawServer(t, always(answer))
  const { port } = await openFront(t, server.port)
  assert.match(await askOnce(t, port, get('TE: trailers\r\n'), /X-Sum/), /2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n$/)
  assert.match(await askOnce(t, port, get(''), /0\r\n\r\n$/), /2\r\nhi\r\n0\r\n\r\n$/)
})

test('a client that waits for 100 Continue hears what the server says: the word, the answer, or nothing', async (t) => {
  const expecting = post('Content-Length: 5\r\nExpect: 100-continue\r\n', '')
  let first = ''
  const server = await openRawServer(t, (socket, text) => {
    if (text.endsWith('\r\n\r\n')) {
      if (first === '') return undefined
      socket.write(first)
      return false
    }
    if (!text.endsWith('12345')) return false
    socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port, { forward: { continueTimeoutMs: 100 } })
  for (const word of ['HTTP/1.1 100 Continue\r\n\r\n', '']) {
    first = word
    const client = await openClient(t, port)
    client.send(expecting)
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    client.send('12345')
    assert.match(await client.until(/ok$/), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
  }
  first = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno'
  const text = await askOnce(t, port, expecting)
  assert.match(text, /^HTTP\/1\.1 401 .*connection: close.*no$/s)
})

test('small chunks that come at once leave as a body of known length; others stream', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (!text.endsWith('hello') && !text.endsWith('0\r\n\r\n')) return undefined
    socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port)
  await askOnce(t, port, chunked('3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'), /ok$/)
  assert.match(server.streams[0] ?? '', /content-length: 5\r\n\r\nhello$/)
  const client = await openClient(t, port)
  client.send(chunked('3\r\nhel\r\n'))
  await waitUntil(() => server.streams[0]?.includes('hel\r\n'), { what: 'the first chunk', timeoutMs: limitMs })
  client.send('2\r\nlo\r\n0\r\n\r\n')
  await client.until(/ok$/)
  assert.match(server.streams[0] ?? '', /transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n$/)
})

test('after a refused upgrade nothing more is read as a request', async (t) => {
  const server = await openRawServer(t, always('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'))
  const { port } = await openFront(t, server.port)
  const text = await askOnce(t, port, get('Connection: Upgrade\r\nUpgrade: websocket\r\n') + get('', '/smuggled'))
  assert.match(text, /^HTTP\/1\.1 403 .*connection: close/s)
  assert.equal(server.streams.join('').match(/^GET /gm)?.length, 1)
})

test('a 101 that nobody asked for is a bad answer', async (t) => {
  const server = await openRawServer(
    t,
    always('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
  )
  const { port, failures } = await openFront(t, server.port)
  assert.match(await askOnce(t, port, get('Connection: close\r\n')), /^HTTP\/1\.1 502/)
  assert.equal(failures[0]?.kind, 'bad-answer')
})

test('a trusted peer is believed and continued, another is not', async (t) => {
  const server = await openRawServer(t, always(okAnswer))
  const trustedPeers = new BlockList()
  trustedPeers.addSubnet('127.0.0.0', 8)
  const said =
    'X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nForwarded: for=9.9.9.9\r\nX-Real-IP: 6.6.6.6\r\n'
  const trusting = await openFront(t, server.port, { trustedPeers })
  await askOnce(t, trusting.port, get(said), /ok$/)
  assert.match(
    server.streams.at(-1) ?? '',
    /x-forwarded-for: 9\.9\.9\.9, 127\.0\.0\.1\r\nx-forwarded-proto: https\r\nx-forwarded-host: b\r\n/,
  )
  assert.match(server.streams.at(-1) ?? '', /forwarded: for=9\.9\.9\.9, for=127\.0\.0\.1;host="a";proto=http\r\n/)
  const careful = await openFront(t, server.port)
  await askOnce(t, careful.port, get(said), /ok$/)
  assert.match(
    server.streams.at(-1) ?? '',
    /x-forwarded-for: 127\.0\.0\.1\r\nx-forwarded-proto: http\r\nx-forwarded-host: a\r\n/,
  )
  assert.doesNotMatch(server.streams.join(''), /6\.6\.6\.6/)
})

test('connections are capped in all and for each address, and a place that is left is free again', async (t) => {
  const server = await openRawServer(t, always(okAnswer))
  const { port, counts } = await openFront(t, server.port, { limits: { connectionsPerAddressMax: 2 } })
  const clients = [await openClient(t, port), await openClient(t, port)]
  for (const client of clients) client.send(get(''))
  for (const client of clients) await client.until(/ok$/)
  const third = await openClient(t, port)
  assert.equal(await third.closed(), '')
  clients[0]?.socket.destroy()
  await waitUntil(() => counts.get('connectionsOpen') === 1, { what: 'a free place', timeoutMs: limitMs })
  assert.match(await askOnce(t, port, get(''), /ok$/), /^HTTP\/1\.1 200/)
  const few = await openFront(t, server.port, { limits: { connectionsMax: 0 } })
  assert.equal(await (await openClient(t, few.port)).closed(), '')
  assert.equal(few.counts.get('connectionsRefused'), 1)
})

test('a drain ends no kept connection before its next answer, and waits for what is under way', async (t) => {
  let answer = () => {}
  const server = await openRawServer(t, (socket, text) => {
    if (text.includes('/slow')) answer = () => socket.write(okAnswer)
    else socket.write(okAnswer)
    return true
  })
  const { port, server: front } = await openFront(t, server.port)
  const [idle, busy] = [await openClient(t, port), await openClient(t, port)]
  idle.send(get(''))
  await idle.until(/ok$/)
  busy.send(get('', '/slow'))
  await waitUntil(() => front.inFlight === 1, { what: 'the slow request', timeoutMs: limitMs })
  const drained = front.drain(limitMs)
  assert.equal(front.isAccepting, false)
  assert.equal(front.connections, 2)
  idle.send(get(''))
  assert.match(await idle.closed(), /connection: close.*ok$/s)
  answer()
  assert.match(await busy.closed(), /connection: close.*ok$/s)
  await drained
  await front.drain(0)
})

test('a handler or a log that throws costs its request at most, and nothing else', async (t) => {
  const server = await openRawServer(t, always(okAnswer))
  const { port, server: front, finished } = await openFront(t, server.port)
  const { handler } = front
  const warned = new Promise((resolve) => process.once('warning', resolve))
  finished.push = () => assert.fail('a log that throws')
  const handle = handler.handle.bind(handler)
  handler.handle = (exchange) => {
    if (exchange.request.path === '/throw') throw new Error('thrown')
    handle(exchange)
  }
  const client = await openClient(t, port)
  client.send(get('', '/throw') + get(''))
  assert.match(await client.until(/ok$/), /^HTTP\/1\.1 500 .*HTTP\/1\.1 200/s)
  await warned
})

test('an answer of our own is whole: small, large, to HEAD and without a body', async (t) => {
  const { port, server } = await openFront(t, 1)
  const large = Buffer.alloc(300_000, 'L')
  server.handler.handle = (exchange) => {
    const { path } = exchange.request
    exchange.answerWhole(path === '/none' ? 204 : 200, 'x-own: 1\r\n', path === '/large' ? large : Buffer.from('small'))
  }
  const client = await openClient(t, port)
  client.send(
    get('', '/small') +
      get('', '/large') +
      'HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n' +
      get('', '/none') +
      get('', '/small'),
  )
  const text = await client.until(/small.*small$/s)
  assert.deepEqual(
    text.match(/content-length: \d+/g),
    [5, 300_000, 300_000, 5].map((n) => `content-length: ${n}`),
  )
  assert.equal(text.match(/L/g)?.length, 300_000)
  assert.equal(text.match(/x-own: 1\r\n/g)?.length, 5)
})

test('a large answer of our own is whole for a client that takes it slowly, though the connection ends with it', async (t) => {
  const limits = { lingerMs: 100, sendIdleTimeoutMs: 1000 }
  const { port, server } = await openFront(t, 1, { limits })
  const large = Buffer.alloc(40_000_000, 'L')
  server.handler.handle = (exchange) => exchange.answerWhole(200, '', large)
  const client = await openClient(t, port)
  client.socket.removeAllListeners('data')
  let bytes = 0
  client.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    client.socket.pause()
    setTimeout(() => client.socket.resume(), bytes % 7 === 0 ? 20 : 1)
  })
  client.send(get('Connection: close\r\n'))
  await waitUntil(() => client.isClosed(), { what: 'the end', timeoutMs: 30_000 })
  assert.ok(bytes > large.length && bytes < large.length + 1000, `${bytes} bytes`)
})

test('a malformed request behind a HEAD is refused with a body', async (t) => {
  const server = await openRawServer(t, always('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'))
  const { port } = await openFront(t, server.port)
  const client = await openClient(t, port)
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until(/\r\n\r\n$/)
  client.send('nonsense\r\n\r\n')
  assert.match(await client.closed(), /HTTP\/1\.1 400 .*\}\}$/s)
})

test('a taken port is an error that names it', async (t) => {
  const { port } = await openFront(t, 1)
  const second = new HttpServer({ handle() {} })
  await assert.rejects(
    second.listen({ address, port }),
    (error) => isTenfoldError(error, 'port-taken') && error.message.includes(`${port}`),
  )
  await second.drain(0)
})
