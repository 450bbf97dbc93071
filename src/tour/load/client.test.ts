// The load's client repeats exactly what every keep-alive client may, and nothing else.

import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { isTenfoldError } from '../../base/errors.ts'
import { LoadClient, type OutgoingRequest } from './client.ts'

// A server on raw sockets: it says when a kept connection is closed, and after which byte.

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
let onSecondRequest: (socket: Socket) => void = () => {}
let requests = 0
const server = createServer((socket) => {
  let isFirst = true
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    if (!/ HTTP\/1\.1\r\n/.test(bytes.toString('latin1'))) return
    requests++
    if (isFirst) socket.write(answer)
    else onSecondRequest(socket)
    isFirst = false
  })
})
let baseUrl = ''

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  baseUrl = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
})

after(() => server.close())

const get: OutgoingRequest = { method: 'GET', path: '/', headers: {} }
const post: OutgoingRequest = { method: 'POST', path: '/', headers: {}, body: 'x' }

/** Uses a connection once, so that the request that follows finds it kept. */
async function withKeptConnection<T>(use: (client: LoadClient) => Promise<T>): Promise<T> {
  const client = new LoadClient(baseUrl, { connectionsMax: 1 })
  try {
    await client.send(get, 1000)
    requests = 0
    return await use(client)
  } finally {
    client.close()
  }
}

test('a GET on a kept connection that closes before a byte of the answer goes once more, and says so', async () => {
  onSecondRequest = (socket) => socket.destroy()
  const got = await withKeptConnection((client) => client.send(get, 1000))
  assert.deepEqual([got.status, got.isResent, requests], [200, true, 2])
})

test('a POST goes once more only with an Idempotency-Key', async () => {
  onSecondRequest = (socket) => socket.destroy()
  await assert.rejects(
    withKeptConnection((client) => client.send(post, 1000)),
    { code: 'ECONNRESET' },
  )
  assert.equal(requests, 1)
  const keyed = { ...post, headers: { 'idempotency-key': 'k1' } }
  assert.equal((await withKeptConnection((client) => client.send(keyed, 1000))).isResent, true)
})

test('nothing is repeated once a byte of the answer has come', async () => {
  onSecondRequest = (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    setImmediate(() => socket.destroy())
  }
  await assert.rejects(withKeptConnection((client) => client.send(get, 1000)))
  assert.equal(requests, 1)
})

test('an answer that does not come is a timeout, and is not asked for again', async () => {
  onSecondRequest = () => {}
  await assert.rejects(
    withKeptConnection((client) => client.send(get, 50)),
    (error) => isTenfoldError(error, 'timeout'),
  )
  assert.equal(requests, 1)
})
