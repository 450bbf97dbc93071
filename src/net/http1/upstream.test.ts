// What goes wrong on the side of the server, and what connections to it are used for again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { askOnce, limitMs, okAnswer, openClient, openFront, openRawServer } from './testing/front.ts'
import { chunked, get, post } from './testing/malformed.ts'

const badAnswers: Record<string, string> = {
  'no status line': 'nonsense\r\n\r\n',
  'another version': 'HTTP/2.0 200 OK\r\n\r\n',
  'a version in small letters': 'http/1.1 200 OK\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
  'a status below 100': 'HTTP/1.1 099 OK\r\n\r\n',
  'a status above 599': 'HTTP/1.1 600 OK\r\n\r\n',
  'a status that is no number': 'HTTP/1.1 2x0 OK\r\n\r\n',
  'a control character in the reason': 'HTTP/1.1 200 O\0K\r\n\r\n',
  'a first line ending in LF': 'HTTP/1.1 200 OK\nX: y\r\n\r\n',
  'a field line ending in LF': 'HTTP/1.1 200 OK\r\nX: y\n\r\n',
  'a bare CR': 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n',
  'a fold': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n',
  'a space before the colon': 'HTTP/1.1 200 OK\r\nX : a\r\n\r\n',
  'a NUL in a value': 'HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n',
  'both framings': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
  'a length that is no number': 'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok',
  'an unknown coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'a coding in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'endless fields': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`,
  'too many fields': `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(1000)}\r\n`,
}

test(`each of ${Object.keys(badAnswers).length} bad answers is 502 whole or in pieces, and its connection is used no more`, async (t) => {
  let answer = ''
  let pieces = 1
  const server = await openRawServer(t, (socket) => {
    const size = Math.ceil(answer.length / pieces)
    const send = (i: number): unknown =>
      i < pieces &&
      !socket.destroyed &&
      socket.write(Buffer.from(answer.slice(i * size, (i + 1) * size), 'latin1'), () => setImmediate(send, i + 1))
    send(0)
    return true
  })
  const { port, pool, failures } = await openFront(t, server.port)
  for (const [what, bytes] of Object.entries(badAnswers))
    for (pieces of [1, 5]) {
      answer = bytes
      assert.match(await askOnce(t, port, get('Connection: close\r\n')), /^HTTP\/1\.1 502 /, what)
      assert.equal(pool.size, 0, what)
      assert.equal(failures.at(-1)?.kind, 'bad-answer', what)
    }
})

test('an answer that breaks after a part of it was passed on is cut, and not ended', async (t) => {
  const broken = {
    'too short': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun',
    'a bad chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\nz\r\n',
    'no last chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n',
  }
  let answer = ''
  const server = await openRawServer(t, (socket) => {
    const begun = answer.indexOf('begun') + 5
    socket.write(answer.slice(0, begun))
    setTimeout(() => socket.end(answer.slice(begun)), 30)
    return true
  })
  const { port, counts } = await openFront(t, server.port)
  for (const [what, bytes] of Object.entries(broken)) {
    answer = bytes
    const text = await askOnce(t, port, post('Content-Length: 0\r\n', ''))
    assert.match(text, /^HTTP\/1\.1 200 .*begun/s, what)
    assert.doesNotMatch(text, /0\r\n\r\n$/, what)
  }
  assert.equal(counts.get('answersCut'), 3)
  // The same to a GET costs no bad bytes: its small answer was held until it was whole.
  answer = broken['too short']
  assert.match(await askOnce(t, port, get('Connection: close\r\n')), /^HTTP\/1\.1 502 /)
})

test('the connection that was used last is used next, and one that grew old is closed', async (t) => {
  const server = await openRawServer(t, (socket) => {
    setTimeout(() => socket.write(okAnswer), 20)
    return true
  })
  const { port, pool } = await openFront(t, server.port, { upstream: { keepAliveTimeoutMs: 400 } })
  await Promise.all(Array.from({ length: 5 }, () => askOnce(t, port, get(''), /ok$/)))
  assert.equal(pool.idle, 5)
  const before = server.streams.map((stream) => stream.length)
  for (let i = 0; i < 6; i++) await askOnce(t, port, get(''), /ok$/)
  assert.equal(server.streams.filter((stream, i) => stream.length > (before[i] ?? 0)).length, 1)
  assert.equal(server.accepted(), 5)
  await waitUntil(() => pool.size === 0, { what: 'the end of idle connections', timeoutMs: limitMs })
})

test('a kept connection that its server has just closed costs nothing: the request goes out again on a new one', async (t) => {
  let isBroken = false
  const server = await openRawServer(t, (socket, _text, connection) => {
    if (connection === 0 && isBroken) socket.resetAndDestroy()
    else socket.write(okAnswer)
    return true
  })
  const { port, failures, counts } = await openFront(t, server.port)
  await askOnce(t, port, get(''), /ok$/)
  isBroken = true
  assert.match(await askOnce(t, port, get(''), /ok$/), /^HTTP\/1\.1 200/)
  assert.deepEqual([failures.length, counts.get('upstreamStale'), server.accepted()], [0, 1, 2])
})

test('a POST on a kept connection that breaks is not sent again: nobody knows whether it was done', async (t) => {
  let isBroken = false
  const server = await openRawServer(t, (socket) => {
    if (isBroken) socket.resetAndDestroy()
    else socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port, { mayRetry: () => true })
  await askOnce(t, port, get(''), /ok$/)
  isBroken = true
  assert.match(
    await askOnce(t, port, post('Connection: close\r\nContent-Length: 1\r\n', 'x')),
    /^HTTP\/1\.1 502 .*outcome-unknown/s,
  )
  assert.equal(server.streams.join('').match(/POST \/echo/g)?.length, 1)
})

test('what can be sent again is, with its body, as often as it may be and no more', async (t) => {
  let failing = 2
  const server = await openRawServer(t, (socket, text) => {
    if (!text.endsWith('hello')) return false
    if (failing-- > 0) socket.destroy()
    else socket.write(okAnswer.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    return true
  })
  const { port, failures } = await openFront(t, server.port, { mayRetry: () => true, forward: { attemptsMax: 3 } })
  const put = (fields: string, body: string) => `PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n${body}`
  assert.match(await askOnce(t, port, put('Content-Length: 5\r\n', 'hello')), /^HTTP\/1\.1 200/)
  assert.equal(failures.length, 2)
  failing = 2
  assert.match(
    await askOnce(t, port, put('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n')),
    /^HTTP\/1\.1 200/,
  )
  failing = 3
  assert.match(await askOnce(t, port, put('Content-Length: 5\r\n', 'hello')), /^HTTP\/1\.1 502/)
  failing = 1
  const keyed = chunked('5\r\nhello\r\n0\r\n\r\n').replace(
    'Host: a\r\n',
    'Host: a\r\nConnection: close\r\nIdempotency-Key: k\r\n',
  )
  assert.match(await askOnce(t, port, keyed), /^HTTP\/1\.1 200/)
})

test('a connection is used again only when request and answer were whole and nothing came behind', async (t) => {
  const unfit: Record<string, [request: string, answer: string]> = {
    'bytes behind the answer': [get(''), `${okAnswer}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`],
    'Connection: close': [get(''), 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    'HTTP/1.0': [get(''), 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    'an early answer': [chunked('5\r\nhello\r\n'), okAnswer],
    'an interim answer behind it': [get(''), `${okAnswer}HTTP/1.1 103 Early Hints\r\n\r\n`],
  }
  let answer = ''
  const server = await openRawServer(t, (socket) => {
    socket.write(answer)
    return true
  })
  const { port, pool } = await openFront(t, server.port, { upstream: { keepAliveTimeoutMs: 60_000 } })
  for (const [what, [request, bytes]] of Object.entries(unfit)) {
    answer = bytes
    const text = await askOnce(t, port, request, /ok$/)
    assert.doesNotMatch(text, /poison|103/, what)
    await waitUntil(() => pool.size === 0, { what: `the end of the connection after ${what}`, timeoutMs: limitMs })
  }
})

test('bytes on an idle connection end it: they would be taken for the next answer', async (t) => {
  const server = await openRawServer(t, (socket) => {
    socket.write(okAnswer)
    return true
  })
  const { port, pool } = await openFront(t, server.port, { upstream: { keepAliveTimeoutMs: 60_000 } })
  await askOnce(t, port, get(''), /ok$/)
  assert.equal(pool.idle, 1)
  for (const socket of server.sockets) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
  await waitUntil(() => pool.size === 0, { what: 'the end of the connection', timeoutMs: limitMs })
  assert.doesNotMatch(await askOnce(t, port, get(''), /ok$/), /poison/)
})

test('requests beyond the connections wait in line, in order; too many and too long are 503', async (t) => {
  const free: Array<() => void> = []
  const server = await openRawServer(t, (socket, text) => {
    free.push(() => socket.write(okAnswer.replace('ok', /GET \/(..)/.exec(text)?.[1] ?? '')))
    return true
  })
  const { port, pool } = await openFront(t, server.port, {
    upstream: { connectionsMax: 1, waitersMax: 3, waitTimeoutMs: 700 },
  })
  const ask = async (name: string) => {
    const client = await openClient(t, port)
    client.send(get('', `/${name}`))
    return client
  }
  const clients = []
  for (const name of ['aa', 'bb', 'cc', 'dd']) {
    const waiting = pool.waiting + (name === 'aa' ? 0 : 1)
    clients.push(await ask(name))
    await waitUntil(() => (name === 'aa' ? free.length === 1 : pool.waiting === waiting), {
      what: name,
      timeoutMs: limitMs,
    })
  }
  assert.match(await (await ask('ee')).until(/\}\}$/), /^HTTP\/1\.1 503 .*retry-after: 1.*overloaded/s)
  clients[1]?.socket.destroy()
  await waitUntil(() => pool.waiting === 2, { what: 'the leaving of one that waits', timeoutMs: limitMs })
  free.shift()?.()
  await clients[0]?.until(/aa$/)
  await waitUntil(() => free.length === 1, { what: 'the next one', timeoutMs: limitMs })
  assert.match((await clients[3]?.until(/\}\}$/)) ?? '', /^HTTP\/1\.1 503 /)
  free.shift()?.()
  await clients[2]?.until(/cc$/)
  assert.equal(server.accepted(), 1)
})

test('no connection, no answer, and an answer that stands still each end in time', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (text.includes('/begin')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun')
    return true
  })
  const { port, failures } = await openFront(t, server.port, {
    upstream: { answerTimeoutMs: 200, bodyIdleTimeoutMs: 300 },
  })
  assert.match(await askOnce(t, port, get('Connection: close\r\n', '/silent')), /^HTTP\/1\.1 504 /)
  assert.match(await askOnce(t, port, get('', '/begin')), /begun$/)
  assert.deepEqual(
    failures.map(({ kind, wasSent }) => [kind, wasSent]),
    [
      ['timeout', true],
      ['timeout', true],
    ],
  )
  const nobody = await openFront(t, 1)
  assert.match(
    await askOnce(t, nobody.port, post('Connection: close\r\nContent-Length: 1\r\n', 'x')),
    /^HTTP\/1\.1 502 .*unavailable/s,
  )
  assert.deepEqual(
    nobody.failures.map(({ kind, wasSent, reason }) => [kind, wasSent, reason]),
    [['refused', false, 'ECONNREFUSED']],
  )
})

test('a server that says how long it keeps connections is believed', async (t) => {
  const server = await openRawServer(t, (socket) => {
    socket.write(okAnswer.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1\r\n\r\n'))
    return true
  })
  const { port, pool } = await openFront(t, server.port)
  await askOnce(t, port, get(''), /ok$/)
  await waitUntil(() => pool.size === 0, { what: 'the end of the connection', timeoutMs: 1000 })
})

test('a policy that throws is taken for a no, and its request is answered', async (t) => {
  const server = await openRawServer(t, (socket) => {
    socket.destroy()
    return true
  })
  const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve))
  const { port } = await openFront(t, server.port, {
    mayRetry: () => {
      throw new Error('a fault of the policy')
    },
  })
  assert.match(await askOnce(t, port, get('Connection: close\r\n')), /^HTTP\/1\.1 502 /)
  assert.equal((await warned).code, 'TENFOLD_HTTP1')
})

test('a body of very many very small chunks passes, in few writes', async (t) => {
  const count = 100_000
  let pieces = 0
  const server = await openRawServer(t, (socket, text) => {
    pieces++
    if (!text.endsWith('\r\n0\r\n\r\n')) return false
    socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port)
  const client = await openClient(t, port)
  client.send(chunked(`${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`))
  await client.until(/ok$/)
  assert.equal(
    server.streams.join('').match(/1\r\nx\r\n/g)?.length ?? 0,
    count - (server.streams[0]?.match(/x{2,}/)?.[0].length ?? 0),
  )
  assert.ok(pieces < 200, `${pieces} pieces`)
})

test('a client that goes while the connection it waited for is being made takes its request back', async (t) => {
  let answers = 0
  const server = await openRawServer(t, (socket, text) => {
    if (text.includes('/first')) setTimeout(() => socket.end('HTTP/1.1 200 OK\r\n\r\nbye'), 100)
    answers++
    return true
  })
  const { port, pool, inHand } = await openFront(t, server.port, { upstream: { connectionsMax: 1 } })
  const [first, second] = [await openClient(t, port), await openClient(t, port)]
  first.send(get('', '/first'))
  await waitUntil(() => answers === 1, { what: 'the first request', timeoutMs: limitMs })
  second.send(get('', '/second'))
  await waitUntil(() => pool.waiting === 1, { what: 'the second one in line', timeoutMs: limitMs })
  const connects = () => pool.waiting === 0
  await waitUntil(connects, { what: 'its turn', timeoutMs: limitMs, intervalMs: 0 })
  second.socket.destroy()
  await waitUntil(() => pool.size === 0 && inHand() === 0, { what: 'nothing left', timeoutMs: limitMs })
})
