// The line for a connection, where only a server that misbehaves to the byte shows what happens to it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import { startTestPostgres } from '../../programs/postgres/testing.ts'
import { ConnectionPool } from './connection-pool.ts'
import { routerDefaults } from './options.ts'

const limitMs = 30_000
const readyForQuery = Buffer.from('Z\0\0\0\x05I')

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
  const pool = openPool(server.address() as AddressInfo, '')
  const refused = new Promise<Error>((resolve, reject) => {
    pool.acquire({ since: 0, take: () => reject(new Error('got a dead connection')), refuse: resolve, reroute() {} })
  })
  assert.match((await withTimeout(refused, limitMs, 'the refusal')).message, /ended as soon as it was made/)
  assert.equal(pool.size, 0)
})

test('of many who find none free, two log in at once, and all get one in the end', async (t) => {
  const postgres = await startTestPostgres()
  t.after(() => postgres.stop())
  let loggingIn = 0
  let most = 0
  const proxy = createServer((client) => {
    const server = connect(postgres.port, postgres.address)
    most = Math.max(most, ++loggingIn)
    let isIn = false
    server.on('data', (bytes: Buffer) => {
      if (!isIn && bytes.includes(readyForQuery)) {
        isIn = true
        loggingIn--
      }
    })
    for (const socket of [client, server]) socket.on('error', () => {})
    client.pipe(server).pipe(client)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  const pool = openPool(proxy.address() as AddressInfo, postgres.secrets.app)
  t.after(() => pool.destroy(new TenfoldError('closed', 'the test is over')))
  const all = Array.from({ length: routerDefaults.poolMax }, () => {
    return new Promise<void>((take, refuse) => pool.acquire({ since: 0, take: () => take(), refuse, reroute() {} }))
  })
  await withTimeout(Promise.all(all), limitMs, 'a connection for each')
  assert.equal(pool.size, routerDefaults.poolMax)
  assert.equal(most, 2)
})

function openPool({ port }: AddressInfo, password: string): ConnectionPool {
  const { connectMs, statementMs, idleInTransactionMs, preparedMax } = routerDefaults
  const limits = { connectMs, statementMs, idleInTransactionMs, preparedMax }
  const expected = { role: 'primary', timeline: 1, generation: 0 } as const
  const login = { user: 'app', password, database: 'app', applicationName: 'test', expected }
  const nobody = { onQuiet() {}, onLost() {}, onMapIsOld() {}, isAnswering: () => false }
  return new ConnectionPool({ address: '127.0.0.1', port, ...login, ...limits }, routerDefaults, nobody)
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.from(`${type}....`)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}
