// What the tests of the engine stand on: a front on loopback with one raw server behind it whose bytes the test writes
// itself, raw clients, and an end to it all after which no socket and no deadline may be left.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { BlockList } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import type { Http2Limits } from '../../http2/limits.ts'
import { HttpServer, type ListenOptions } from '../../server/http-server.ts'
import type { RequestRate } from '../../server/request-rate.ts'
import type { OwnAnswer } from '../answer-writer.ts'
import { Counters } from '../counters.ts'
import type { FinishedExchange } from '../exchange.ts'
import type { Failure } from '../failure.ts'
import type { ForwardPolicy, Upstream } from '../forward-policy.ts'
import { Forwarder } from '../forwarder.ts'
import type { ForwardLimits, ServerLimits, UpstreamLimits } from '../limits.ts'
import { TimerWheel } from '../timer-wheel.ts'
import { UpstreamPool } from '../upstream-pool.ts'

export const address = '127.0.0.1'
export const limitMs = 10_000
export const okAnswer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A server of raw bytes. `onData` gets everything that has come on a connection since its last answer. */
export interface RawServer {
  port: number
  sockets: Set<Socket>
  /** Connections so far. */
  accepted(): number
  /** What each connection has sent, health checks and the like included. */
  streams: string[]
}

export async function openRawServer(
  t: TestContext,
  onData: (socket: Socket, unanswered: string, connection: number) => boolean | undefined,
): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const streams: string[] = []
  let accepted = 0
  const server = createServer((socket) => {
    const index = accepted++
    streams[index] = ''
    let unanswered = ''
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      streams[index] += text
      unanswered += text
      if (onData(socket, unanswered, index)) unanswered = ''
    })
  })
  server.listen(0, address)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { port, sockets, streams, accepted: () => accepted }
}

export interface FrontOptions {
  limits?: Partial<ServerLimits>
  upstream?: Partial<UpstreamLimits>
  forward?: Partial<ForwardLimits>
  http2?: Partial<Http2Limits>
  trustedPeers?: BlockList
  rate?: RequestRate
  listen?: ListenOptions
  /** Says of a failure whether the request may be tried again. */
  mayRetry?: (failure: Failure) => boolean
}

export interface Front {
  port: number
  server: HttpServer
  pool: UpstreamPool
  counts: Counters
  wheel: TimerWheel
  failures: Failure[]
  finished: Array<{ status: number; bodyBytesOut: number }>
  /** Requests that a server has in hand, by what the policy was told. */
  inHand(): number
}

/** After the test everything must have come to rest: connections, requests in flight, deadlines. */
export async function openFront(t: TestContext, upstreamPort: number, options: FrontOptions = {}): Promise<Front> {
  const wheel = new TimerWheel()
  const counts = new Counters()
  const pool = new UpstreamPool({ address, port: upstreamPort }, { limits: options.upstream ?? {}, wheel, counts })
  const failures: Failure[] = []
  const finished: Front['finished'] = []
  let inHand = 0
  const policy: ForwardPolicy = {
    retryAfterSeconds: 1,
    pick(): Upstream | OwnAnswer {
      inHand++
      return { pool }
    },
    failed(_request, _upstream, failure) {
      failures.push(failure)
      return options.mayRetry?.(failure) ?? false
    },
    released: () => void inHand--,
    finished: ({ status, bodyBytesOut }: FinishedExchange) => void finished.push({ status, bodyBytesOut }),
  }
  const forwarder = new Forwarder(policy, { limits: options.forward ?? {}, wheel, counts })
  const { limits, http2, trustedPeers, rate } = options
  const server = new HttpServer(forwarder, { limits, http2, wheel, counts, trustedPeers, rate })
  await server.listen({ address, port: 0 }, options.listen)
  t.after(async () => {
    await server.drain(0)
    pool.destroy()
    assert.equal(inHand, 0, 'a server was picked and never released')
    assert.equal(server.inFlight, 0, 'a request is still counted')
    assert.equal(server.connections, 0)
    assert.equal(pool.size, 0, 'a connection to the server is left')
    assert.equal(pool.waiting, 0)
    assert.equal(wheel.size, 0, 'a deadline is left')
  })
  const port = server.address()?.port ?? 0
  return { port, server, pool, counts, wheel, failures, finished, inHand: () => inHand }
}

export interface RawClient {
  socket: Socket
  /** All that has come. */
  text(): string
  isClosed(): boolean
  send(text: string | Buffer): void
  /** Resolves when what has come is content. */
  until(isEnough: RegExp | ((text: string) => boolean)): Promise<string>
  closed(): Promise<string>
}

export async function openClient(t: TestContext, port: number): Promise<RawClient> {
  const socket = connect(port, address)
  let text = ''
  let isClosed = false
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    isClosed = true
  })
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return {
    socket,
    text: () => text,
    isClosed: () => isClosed,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    async until(isEnough) {
      const isMet = () => (isEnough instanceof RegExp ? isEnough.test(text) : isEnough(text))
      await waitUntil(() => isMet() || isClosed, {
        what: `${isEnough} in ${JSON.stringify(text)}`,
        timeoutMs: limitMs,
        intervalMs: 2,
      })
      assert.ok(isMet(), `closed before ${isEnough}: ${JSON.stringify(text)}`)
      return text
    },
    async closed() {
      await waitUntil(() => isClosed, {
        what: `the end behind ${JSON.stringify(text)}`,
        timeoutMs: limitMs,
        intervalMs: 2,
      })
      return text
    },
  }
}

/** Sends the bytes on a new connection; the answer is what came until it closed, or until it is content. */
export async function askOnce(t: TestContext, port: number, bytes: string, isEnough?: RegExp): Promise<string> {
  const client = await openClient(t, port)
  client.send(bytes)
  const text = await (isEnough ? client.until(isEnough) : client.closed())
  client.socket.destroy()
  return text
}

export function body(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}
