// Relays end in every way that connections can, and nothing of them is left.

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { waitUntil } from '../../../../../base/limits.ts'
import { seededRandom } from '../../../../../base/random.ts'
import { limitMs, listening, rawSocket, unusedPort, upstreamsOf } from '../../../testing/bench.ts'
import { echoBytes, openTcpServer } from '../../../testing/tcp-server.ts'
import { openNodeBalancer } from '../engine.ts'

test('400 connections that end, break, leave early or are cut off by their server leave nothing behind', async (t) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
  t.diagnostic(`FUZZ_SEED=${seed}`)
  const random = seededRandom(seed)
  const echo = await openTcpServer(t, 'echo', echoBytes)
  const rude = await openTcpServer(t, 'rude', (socket) => {
    socket.on('end', () => socket.end())
    socket.once('data', () => (random.next() < 0.5 ? socket.resetAndDestroy() : socket.end('enough')))
    socket.resume()
  })
  const dead = { name: 'dead', port: await unusedPort() }
  const { balancer, port } = await listening(
    t,
    async (upstreams) => openNodeBalancer(upstreams),
    upstreamsOf([echo, rude, dead], {
      ...{ mode: 'tcp', healthPath: '', algorithm: 'p2c', healthIntervalMs: 20, fall: 1 },
      ...{ inFlightPerServerMax: 8, queueMax: 20, queueTimeoutMs: 300 },
    }),
  )
  const ways: Array<(socket: Socket) => void> = [
    (socket) => void socket.destroy(),
    (socket) => void socket.resetAndDestroy(),
    (socket) => void socket.end('all of it'),
    (socket) => void socket.write('a part', () => socket.resetAndDestroy()),
    (socket) => void socket.write(Buffer.alloc(300_000), () => socket.end()),
    (socket) => void socket.once('data', () => socket.destroy()).write('x'),
    (socket) => void socket.once('data', () => socket.end()).write('x'),
  ]
  const one = () =>
    new Promise<void>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => socket.destroy())
      socket.on('end', () => socket.end())
      socket.once('close', () => resolve())
      socket.resume()
      const giveUp = setTimeout(() => socket.destroy(), 1000)
      socket.once('close', () => clearTimeout(giveUp))
      const way = random.pick(ways)
      if (random.next() < 0.2) way(socket)
      else socket.once('connect', () => way(socket))
    })
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 40 }, one))
  await waitUntil(() => balancer.inFlight() === 0, { what: 'no relay left', timeoutMs: limitMs })
  assert.deepEqual(
    balancer.health().map(({ inFlight }) => inFlight),
    [0, 0, 0],
  )
  for (const server of [echo, rude])
    await waitUntil(() => server.sockets.size <= 1, { what: `no connection at ${server.name}`, timeoutMs: limitMs })
})

test('a connection on which nobody says anything ends after its time, and one that is used does not', async (t) => {
  const echo = await openTcpServer(t, 'echo', echoBytes)
  const options = { server: { tunnelIdleTimeoutMs: 400 } }
  const { balancer, port } = await listening(
    t,
    async (upstreams) => openNodeBalancer(upstreams, options),
    upstreamsOf([echo], { mode: 'tcp', healthPath: '', healthIntervalMs: 60_000 }),
  )
  const [silent, busy] = [await rawSocket(port), await rawSocket(port)]
  const talking = setInterval(() => busy.write('x'), 50)
  t.after(() => clearInterval(talking))
  busy.resume()
  silent.resume()
  await waitUntil(() => silent.destroyed, { what: 'the end of the silent one', timeoutMs: limitMs })
  assert.equal(busy.destroyed, false)
  busy.destroy()
  await waitUntil(() => balancer.inFlight() === 0, { what: 'no relay left', timeoutMs: limitMs })
})
