// Mode `tcp`: what clients and servers see of each other when connections are passed on as they are.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { waitUntil, withTimeout } from '../../../base/limits.ts'
import type { Upstreams } from '../contract.ts'
import {
  limitMs,
  listening,
  type OpenBalancer,
  refusesConnections,
  startServerProcess,
  unusedPort,
  upstreamsOf,
} from './bench.ts'
import type { Capability } from './capabilities.ts'
import { echoBytes, openTcpServer, type TcpServer } from './tcp-server.ts'

export function relayingSuite(engine: string, open: OpenBalancer, lacks: readonly Capability[] = []): void {
  const promise = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}, tcp: ${name}`, run)
  const bench = (
    t: TestContext,
    servers: ReadonlyArray<{ name: string; port: number }>,
    over: Partial<Upstreams> = {},
  ) => listening(t, open, upstreamsOf(servers, { mode: 'tcp', healthPath: '', ...over }))

  promise('bytes pass both ways as they are, whatever they are', async (t) => {
    const { port } = await bench(t, [await openTcpServer(t, 'a', echoBytes)])
    const bytes = randomBytes(8 * 1024 * 1024)
    const socket = await client(port)
    const came = digestOf(socket)
    socket.end(bytes)
    assert.equal(await came, createHash('sha256').update(bytes).digest('hex'))
  })

  promise('the end of one direction is passed on, and the other goes on', async (t) => {
    const server = await openTcpServer(t, 'a', (socket) => {
      let text = ''
      socket.on('data', (piece: Buffer) => {
        text += piece
      })
      socket.on('end', () => socket.end(`you said ${text}`))
    })
    const { port } = await bench(t, [server])
    const socket = await client(port)
    socket.end('a and b')
    assert.equal(await textOf(socket), 'you said a and b')
    const late = Promise.withResolvers<string>()
    const speaker = await openTcpServer(t, 'speaker', async (socket) => {
      socket.end('first and last')
      const text = await heardFrom(socket)
      if (text !== '') late.resolve(text) // health checks say nothing
    })
    const other = await bench(t, [speaker])
    const listener = await client(other.port)
    assert.equal(await heardFrom(listener), 'first and last')
    listener.end('late')
    assert.equal(await withTimeout(late.promise, limitMs, 'the end at the server'), 'late')
  })

  promise('a client that does not read holds the server back, and gets all of it in the end', async (t) => {
    const piece = Buffer.alloc(64 * 1024, 'x')
    const pieces = 800 // 50 MB: more than all buffers between the two hold
    let written = 0
    const server = await openTcpServer(t, 'a', (socket) => {
      const more = () => {
        while (written < pieces && !socket.destroyed) {
          written++
          if (!socket.write(piece)) return void socket.once('drain', more)
        }
        socket.end()
      }
      socket.once('data', more)
    })
    const { port } = await bench(t, [server])
    const socket = await client(port)
    socket.pause()
    socket.write('go')
    await waitUntil(() => written > 0, { what: 'the first piece', timeoutMs: limitMs })
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.ok(written < pieces, 'the server wrote everything although nobody read')
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    socket.resume()
    await once(socket, 'end')
    assert.equal(bytes, pieces * piece.length)
    socket.destroy()
  })

  promise(
    'a server that refuses costs nothing: the connection goes to the next one, and its bytes with it',
    async (t) => {
      const dead = { name: 'dead', port: await unusedPort() }
      const live = await openTcpServer(t, 'live', echoBytes)
      const { balancer, port } = await bench(t, [live], { healthIntervalMs: 60_000 })
      await balancer.update(
        upstreamsOf([dead, live], { mode: 'tcp', healthPath: '', healthIntervalMs: 60_000, fall: 1000 }),
      )
      for (let i = 0; i < 4; i++) assert.equal(await saidBy(port, `hello ${i}`), `hello ${i}`)
      const isOut = () => balancer.health().find(({ id }) => id === 'dead')?.isUp === false
      await waitUntil(isOut, { what: 'the dead one out', timeoutMs: limitMs })
    },
  )

  promise('without a server the connection is ended', async (t) => {
    const { port } = await bench(t, [])
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await closed(socket, 'the connection')
  })

  promise('a connection that breaks at one end breaks at the other', async (t) => {
    const server = await openTcpServer(t, 'a', (socket) => {
      socket.on('data', () => {
        socket.write('a part', () => socket.resetAndDestroy())
      })
    })
    const { port, balancer } = await bench(t, [server])
    const socket = await client(port)
    let hasEnded = false
    socket.on('end', () => {
      hasEnded = true
    })
    socket.resume()
    socket.write('go')
    if (lacks.includes('breaks-passed-on')) socket.on('end', () => socket.end())
    await closed(socket, 'the connection')
    if (!lacks.includes('breaks-passed-on')) assert.equal(hasEnded, false, 'a cut stream looked whole')
    const echoing = await openTcpServer(t, 'b', echoBytes)
    await balancer.update(upstreamsOf([echoing], { mode: 'tcp', healthPath: '' }))
    const leaver = await client(port)
    leaver.write('x')
    await once(leaver, 'data')
    leaver.resetAndDestroy()
    await waitUntil(() => echoing.sockets.size === 0, { what: 'the break at the server', timeoutMs: limitMs })
    await waitUntil(() => balancer.inFlight() === 0, { what: 'nothing in flight', timeoutMs: limitMs })
  })

  promise('connections are shared out, and least connections counts those that are open', async (t) => {
    const [a, b] = [await openTcpServer(t, 'a', echoBytes), await openTcpServer(t, 'b', echoBytes)]
    const { port } = await bench(t, [a, b], { algorithm: 'least-connections' })
    const sockets = await Promise.all(Array.from({ length: 10 }, () => spoken(t, port)))
    assert.deepEqual([a.used, b.used], [5, 5])
    for (const socket of sockets) socket.destroy()
  })

  promise('the same address goes to the same server with ip-hash', async (t) => {
    const servers: TcpServer[] = []
    for (const name of ['a', 'b', 'c']) servers.push(await openTcpServer(t, name, echoBytes))
    const { port } = await bench(t, servers, { algorithm: 'ip-hash' })
    for (let i = 0; i < 6; i++) await saidBy(port, 'x')
    assert.deepEqual(servers.map(({ used }) => used).sort(), [0, 0, 6])
  })

  promise('a full server gets no more connections: the next waits, and who finds the line full is ended', async (t) => {
    const server = await openTcpServer(t, 'a', echoBytes)
    const { port } = await bench(t, [server], { inFlightPerServerMax: 1, queueMax: 1 })
    const first = await spoken(t, port)
    const second = await client(port)
    t.after(() => second.destroy())
    second.write('second')
    await new Promise((resolve) => setTimeout(resolve, 100))
    const third = connect(port, '127.0.0.1')
    third.on('error', () => {})
    third.resume()
    await closed(third, 'the third')
    assert.equal(server.used, 1)
    first.end()
    assert.equal(String((await withTimeout(once(second, 'data'), limitMs, 'the turn of the second'))[0]), 'second')
  })

  promise('a draining server keeps its connections and gets no new one', async (t) => {
    const [a, b] = [await openTcpServer(t, 'a', echoBytes), await openTcpServer(t, 'b', echoBytes)]
    const { port, balancer } = await bench(t, [a])
    const kept = await spoken(t, port)
    const both = upstreamsOf([a, b], { mode: 'tcp', healthPath: '' })
    await balancer.update({
      ...both,
      servers: both.servers.map((server) => ({ ...server, isDraining: server.id === 'a' })),
    })
    for (let i = 0; i < 4; i++) await saidBy(port, 'x')
    assert.deepEqual([a.used, b.used], [1, 4])
    kept.write('still')
    assert.equal(String((await once(kept, 'data'))[0]), 'still')
  })

  promise('health is a connection where there is no path, and a request where there is one', async (t) => {
    const mute = await openTcpServer(t, 'mute', () => {})
    const dead = { name: 'dead', port: await unusedPort() }
    const { balancer } = await bench(t, [mute, dead], { fall: 1 })
    await waitUntil(() => balancer.health()[1]?.isUp === false, { what: 'the dead one down', timeoutMs: limitMs })
    assert.equal(balancer.health()[0]?.isUp, true)
    const teapot = await openTcpServer(
      t,
      'teapot',
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 418 no\r\n\r\n')),
    )
    const asking = await bench(t, [teapot], { healthPath: '/ready', fall: 1 })
    await waitUntil(() => asking.balancer.health()[0]?.isUp === false, { what: 'the teapot down', timeoutMs: limitMs })
  })

  promise('no new connection fails while servers are killed and come back', async (t) => {
    const servers = [await startServerProcess(t, 'first'), await startServerProcess(t, 'second')]
    const { port, balancer } = await bench(t, servers, { healthPath: '/ready' })
    const failures: string[] = []
    let answered = 0
    let isStopping = false
    // Odd while a server dies: what was under way then is lost with it, and so is what it still accepted.
    let turns = 0
    const asking = Array.from({ length: 4 }, async () => {
      while (!isStopping) {
        const turn = turns
        const answer = await saidBy(port, 'GET /bytes/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        if (answer.endsWith('xxx')) answered++
        else if (turn === turns && turn % 2 === 0) failures.push(answer)
      }
    })
    for (const [i, victim] of servers.entries()) {
      const before = answered
      await waitUntil(() => answered > before + 50, { what: 'load', timeoutMs: limitMs })
      turns++
      await victim.end('SIGKILL')
      turns++
      await waitUntil(() => answered > before + 150, { what: 'load on the other', timeoutMs: limitMs })
      servers[i] = await startServerProcess(t, victim.name, victim.port)
      const isUp = () => balancer.health().every((server) => server.isUp)
      await waitUntil(isUp, { what: `${victim.name} up again`, timeoutMs: limitMs })
    }
    isStopping = true
    await Promise.all(asking)
    assert.deepEqual(failures, [], `of ${answered}`)
  })

  promise(
    'the balancer leaves: nobody new is accepted, who is there may finish, and is ended after the drain',
    async (t) => {
      const { port, balancer } = await bench(t, [await openTcpServer(t, 'a', echoBytes)])
      const kept = await spoken(t, port)
      const left = balancer.close(500)
      await refusesConnections(port)
      kept.write('still')
      assert.equal(String((await once(kept, 'data'))[0]), 'still')
      kept.resume()
      await Promise.all([withTimeout(left, limitMs, 'the end of the drain'), ended(kept)])
    },
  )
}

/** A connection of a client that may close one direction before the other. */
async function client(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** One over which a byte has gone and come back. */
async function spoken(t: TestContext, port: number): Promise<Socket> {
  const socket = await client(port)
  t.after(() => socket.destroy())
  socket.write('x')
  await withTimeout(once(socket, 'data'), limitMs, 'the echo')
  return socket
}

/** Says it, ends its side, and answers what came until the other side ended. */
async function saidBy(port: number, text: string): Promise<string> {
  const socket = await client(port)
  socket.write(text)
  if (!text.startsWith('GET ')) socket.end()
  return textOf(socket)
}

async function textOf(socket: Socket): Promise<string> {
  const text = await heardFrom(socket)
  socket.end()
  return text
}

/** Until the other side has said all; ours may still speak. */
async function heardFrom(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (piece: Buffer) => {
    text += piece.toString('latin1')
  })
  await ended(socket)
  return text
}

async function digestOf(socket: Socket): Promise<string> {
  const hash = createHash('sha256')
  socket.on('data', (piece: Buffer) => void hash.update(piece))
  await ended(socket)
  return hash.digest('hex')
}

function ended(socket: Socket): Promise<unknown> {
  const end = new Promise((resolve) => {
    socket.once('end', resolve)
    socket.once('close', resolve)
  })
  return withTimeout(end, limitMs, 'the end of what comes')
}

function closed(socket: Socket, what: string): Promise<unknown> {
  return withTimeout(new Promise((resolve) => socket.once('close', resolve)), limitMs, `the end of ${what}`)
}
