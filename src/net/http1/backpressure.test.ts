// Bodies that are larger than memory may be: both directions go at the pace of the slower side, and memory stays flat.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { address, limitMs, okAnswer, openClient, openFront } from './testing/front.ts'
import { get } from './testing/malformed.ts'

const megabyte = 1024 * 1024
const gigabyte = 1024 * megabyte
const piece = Buffer.alloc(256 * 1024, 'p')
/** All buffers between a server and a client that does not read, those of the test and uncollected ones included. */
const memoryMax = 96 * megabyte

test('1 GB goes down to a client that stops again and again, whole and at flat memory, with a length and in chunks', async (t) => {
  for (const isChunked of [false, true]) {
    const server = await openServer(t, (socket) => sendPieces(socket, gigabyte, isChunked))
    const { port } = await openFront(t, server.port)
    const client = await openClient(t, port)
    client.socket.removeAllListeners('data')
    const memory = watchMemory(t)
    let bytes = 0
    let nextRest = 64 * megabyte
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes < nextRest) return
      nextRest += 64 * megabyte
      client.socket.pause()
      setTimeout(() => client.socket.resume(), 50)
    })
    client.send(get('Connection: close\r\n'))
    await waitUntil(() => client.isClosed(), { what: 'the whole body', timeoutMs: 60_000 })
    assert.ok(bytes > gigabyte && bytes < gigabyte * 1.001, `${bytes} bytes`)
    assert.ok(memory() < memoryMax, `${Math.round(memory() / megabyte)} MB`)
  }
})

test('an upload goes up at the pace of its server, whole and at flat memory', async (t) => {
  const size = 256 * megabyte
  let received = 0
  const server = await openServer(t, (socket) => {
    let head = true
    let nextRest = 64 * megabyte
    socket.on('data', (chunk: Buffer) => {
      received += head ? chunk.length - chunk.indexOf('\r\n\r\n') - 4 : chunk.length
      head = false
      if (received === size) socket.write(okAnswer)
      if (received < nextRest) return
      nextRest += 64 * megabyte
      socket.pause()
      setTimeout(() => socket.resume(), 400)
    })
  })
  const { port } = await openFront(t, server.port, { forward: { bodyBytesMax: size } })
  const client = await openClient(t, port)
  const memory = watchMemory(t)
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  for (let sent = 0; sent < size; sent += piece.length)
    if (!client.socket.write(piece)) await once(client.socket, 'drain')
  await client.until(/ok$/)
  assert.equal(received, size)
  assert.ok(memory() < memoryMax, `${Math.round(memory() / megabyte)} MB`)
})

test('a client that does not read holds its server back', async (t) => {
  let written = 0
  const server = await openServer(t, (socket) =>
    sendPieces(socket, gigabyte, false, () => {
      written += piece.length
    }),
  )
  const { port } = await openFront(t, server.port)
  const client = await openClient(t, port)
  client.socket.pause()
  client.send(get(''))
  let before = -1
  await waitUntil(
    () => {
      const isStill = written > 0 && written === before
      before = written
      return isStill
    },
    { what: 'a server that stands still', timeoutMs: limitMs, intervalMs: 300 },
  )
  assert.ok(written < memoryMax, `${written} bytes were taken for a client that reads none`)
})

test('a client that sends requests and takes no answers is not read any more, and gets them all when it does', async (t) => {
  const count = 2000
  const { port, server, counts } = await openFront(t, 1)
  const answer = Buffer.alloc(16 * 1024, 'a')
  server.handler.handle = (exchange) => exchange.answerWhole(200, '', answer)
  const client = await openClient(t, port)
  client.socket.removeAllListeners('data')
  client.socket.pause()
  client.send(get('').repeat(count))
  let before = -1
  await waitUntil(
    () => {
      const answered = counts.get('requests')
      const isStill = answered > 0 && answered === before
      before = answered
      return isStill
    },
    { what: 'a front that stands still', timeoutMs: limitMs, intervalMs: 200 },
  )
  assert.ok(counts.get('requests') < count, 'every answer was made for a client that takes none')
  let bytes = 0
  client.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  client.socket.resume()
  await waitUntil(() => counts.get('requests') === count && bytes > count * answer.length, {
    what: 'all answers',
    timeoutMs: limitMs,
  })
})

test("the head of a request stays that request's until an answer is out that takes longer than its call", async (t) => {
  const size = 32 * megabyte
  const { port, server } = await openFront(t, 1)
  const finished: string[] = []
  const large = Buffer.alloc(size, 'a')
  server.handler.handle = (exchange) =>
    exchange.answerWhole(200, '', exchange.request.path === '/large' ? large : piece)
  server.handler.finished = ({ exchange }) => void finished.push(exchange.request.path)
  const slow = await openClient(t, port)
  slow.socket.removeAllListeners('data')
  slow.socket.pause()
  slow.send(get('', '/large'))
  await waitUntil(() => server.inFlight === 1, { what: 'the request', timeoutMs: limitMs })
  for (const target of ['/other1', '/other2']) {
    const client = await openClient(t, port)
    client.send(get('Connection: close\r\n', target))
    await client.closed()
  }
  let bytes = 0
  slow.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  slow.socket.resume()
  await waitUntil(() => bytes > size && finished.length === 3, { what: 'the end of all', timeoutMs: limitMs })
  assert.deepEqual(finished, ['/other1', '/other2', '/large'])
})

test('a tunnel goes at the pace of the slower end, in both directions', async (t) => {
  const size = 256 * megabyte
  const server = await openServer(t, (socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.once('data', (head: Buffer) => {
      socket.unshift(head.subarray(head.indexOf('\r\n\r\n') + 4))
      socket.pipe(socket)
    })
  })
  const { port } = await openFront(t, server.port)
  const client = await openClient(t, port)
  client.send(get('Connection: upgrade\r\nUpgrade: websocket\r\n'))
  await client.until(/\r\n\r\n$/)
  client.socket.removeAllListeners('data')
  const memory = watchMemory(t)
  let echoed = 0
  client.socket.on('data', (chunk: Buffer) => {
    const before = echoed
    echoed += chunk.length
    if (Math.floor(before / (64 * megabyte)) === Math.floor(echoed / (64 * megabyte))) return
    client.socket.pause()
    setTimeout(() => client.socket.resume(), 400)
  })
  for (let sent = 0; sent < size; sent += piece.length)
    if (!client.socket.write(piece)) await once(client.socket, 'drain')
  await waitUntil(() => echoed === size, { what: 'the whole echo', timeoutMs: 30_000 })
  assert.ok(memory() < memoryMax, `${Math.round(memory() / megabyte)} MB`)
})

/** The most that buffers took since then, sampled. */
function watchMemory(t: TestContext): () => number {
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }, 10)
  t.after(() => clearInterval(timer))
  return () => most
}

async function openServer(t: TestContext, serve: (socket: Socket) => void): Promise<{ port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    serve(socket)
  })
  server.listen(0, address)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as { port: number }).port }
}

function sendPieces(socket: Socket, size: number, isChunked: boolean, onPiece = () => {}): void {
  const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
  let sent = 0
  const more = () => {
    while (sent < size) {
      sent += piece.length
      onPiece()
      if (!socket.write(isChunked ? chunk : piece)) return
    }
    socket.off('drain', more)
    if (isChunked) socket.write('0\r\n\r\n')
  }
  socket.once('data', () => {
    socket.resume()
    socket.write(`HTTP/1.1 200 OK\r\n${isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`}\r\n\r\n`)
    socket.on('drain', more)
    more()
  })
}
