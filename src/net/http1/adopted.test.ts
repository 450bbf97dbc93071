// Connections that somebody else accepted, TLS above all: the same promises, by the socket's own events.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { waitUntil } from '../../base/limits.ts'
import { makeCertificate } from '../tls/local-certificate.ts'
import { address, type Front, okAnswer, openFront, openRawServer } from './testing/front.ts'
import { get, post } from './testing/malformed.ts'

const pem = await makeCertificate(['localhost'])
const megabyte = 1024 * 1024

test('over TLS requests are answered, pipelined and refused as they are without, and servers are told of https', async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (!text.endsWith('\r\n\r\n') && !text.endsWith('hello')) return undefined
    socket.write(okAnswer)
    return true
  })
  const front = await openFront(t, server.port)
  const port = await listenTls(t, front)
  const client = await openTlsClient(t, port)
  let text = ''
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  client.write(get('') + post('Content-Length: 5\r\n', 'hello') + get('X : y\r\n'))
  await once(client, 'close')
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400'])
  assert.match(server.streams.join(''), /x-forwarded-proto: https\r\n.*;proto=https\r\n/s)
})

test('over TLS large bodies pass whole in both directions, to a client that stops again and again', async (t) => {
  const size = 64 * megabyte
  const piece = Buffer.alloc(megabyte, 'p')
  let received = 0
  const server = await openRawServer(t, (socket, text) => {
    received += text.length
    if (text.startsWith('GET')) {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      for (let sent = 0; sent < size; sent += piece.length) socket.write(piece)
    } else if (received > size) socket.write(okAnswer)
    return true
  })
  const front = await openFront(t, server.port)
  const port = await listenTls(t, front)
  const down = await openTlsClient(t, port)
  let bytes = 0
  down.on('data', (chunk: Buffer) => {
    const before = bytes
    bytes += chunk.length
    if (Math.floor(before / (8 * megabyte)) === Math.floor(bytes / (8 * megabyte))) return
    down.pause()
    setTimeout(() => down.resume(), 30)
  })
  down.write(get('Connection: close\r\n'))
  await waitUntil(() => down.destroyed, { what: 'the whole answer', timeoutMs: 30_000 })
  assert.ok(bytes > size && bytes < size + 1000, `${bytes} bytes`)

  received = 0
  const up = await openTlsClient(t, port)
  up.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  for (let sent = 0; sent < size; sent += piece.length) if (!up.write(piece)) await once(up, 'drain')
  assert.match(String((await once(up, 'data'))[0]), /^HTTP\/1\.1 200/)
})

async function listenTls(t: TestContext, front: Front): Promise<number> {
  const server = createServer({ key: pem, cert: pem }, (socket) => front.server.adopt(socket))
  server.listen(0, address)
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as { port: number }).port
}

async function openTlsClient(t: TestContext, port: number): Promise<TLSSocket> {
  const client = connect({ host: address, port, rejectUnauthorized: false })
  client.on('error', () => client.destroy())
  t.after(() => client.destroy())
  await once(client, 'secureConnect')
  return client
}
