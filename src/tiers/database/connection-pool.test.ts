// The line for a connection, where only a server that misbehaves to the byte shows what happens to it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { withTimeout } from '../../base/limits.ts'
import { ConnectionPool } from './connection-pool.ts'
import { routerDefaults } from './options.ts'

const limitMs = 10_000

// AuthenticationOk, ReadyForQuery, then 57P01, as PostgreSQL writes them; in one piece, so that one read gets all three.
const greetingAndGoodbye = Buffer.concat([
  message('R', Buffer.from([0, 0, 0, 0])),
  message('Z', Buffer.from('I')),
  message('E', Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')),
])

test('who waits for a connection that dies as soon as it is made hears of it', async (t) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.end(greetingAndGoodbye))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const { connectMs, statementMs, idleInTransactionMs, preparedMax } = routerDefaults
  const limits = { connectMs, statementMs, idleInTransactionMs, preparedMax }
  const expected = { role: 'primary', timeline: 1, generation: 0 } as const
  const login = { user: 'app', password: '', database: 'app', applicationName: 'test', expected }
  const nobody = { onQuiet() {}, onLost() {}, onMapIsOld() {}, isAnswering: () => false }
  const pool = new ConnectionPool({ address: '127.0.0.1', port, ...login, ...limits }, routerDefaults, nobody)
  const refused = new Promise<Error>((resolve, reject) => {
    pool.acquire({ since: 0, take: () => reject(new Error('got a dead connection')), refuse: resolve, reroute() {} })
  })
  assert.match((await withTimeout(refused, limitMs, 'the refusal')).message, /ended as soon as it was made/)
  assert.equal(pool.size, 0)
})

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.from(`${type}....`)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}
