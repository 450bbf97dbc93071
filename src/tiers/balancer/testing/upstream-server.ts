// The server that stands behind balancers in tests: its path says how it behaves. Runs in the test's own process, or
// as one of its own where it is to be killed: `node upstream-server.ts <name> <port>`.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { DrainableServer } from '../../../net/drainable-server.ts'

export interface UpstreamServer {
  name: string
  port: number
  isReady: boolean
  /** Paths that were asked, health checks left out. */
  asked: string[]
  /** Requests whose client went away before the answer was finished. */
  aborted: number
  /** How long each answer is kept back. */
  delayMs: number
  /** The most requests that it had at once, health checks left out. */
  atOnceMax: number
  server: DrainableServer
  close(): Promise<void>
}

export interface Echo {
  server: string
  method: string
  url: string
  headers: Array<[string, string]>
  bodyBytes: number
  bodySha256: string
}

const address = '127.0.0.1'
const open = new Map<UpstreamServer, number>()

export async function openUpstreamServer(name: string, port = 0): Promise<UpstreamServer> {
  const serve = (request: IncomingMessage, response: ServerResponse) =>
    void answer(upstream, request, response).catch(() => response.destroy())
  const server = new DrainableServer(serve, {
    onUpgrade: {
      wants: ({ url }) => url === '/tunnel',
      take: ({ headers }, socket, head) => echoTunnel(socket, head, String(headers['sec-websocket-key'])),
    },
  })
  const upstream: UpstreamServer = {
    ...{ name, port, isReady: true, asked: [], aborted: 0, delayMs: 0, atOnceMax: 0, server },
    close: () => server.drain(0),
  }
  await server.listen({ address, port })
  upstream.port = server.address()?.port ?? 0
  return upstream
}

async function answer(upstream: UpstreamServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, route = '', size = '0'] = (request.url ?? '').split('/')
  if (route === 'ready') return void response.writeHead(upstream.isReady ? 200 : 503).end()
  upstream.asked.push(request.url ?? '')
  const atOnce = (open.get(upstream) ?? 0) + 1
  open.set(upstream, atOnce)
  upstream.atOnceMax = Math.max(upstream.atOnceMax, atOnce)
  response.once('close', () => {
    open.set(upstream, (open.get(upstream) ?? 0) - 1)
    if (!response.writableFinished) upstream.aborted++
  })
  if (upstream.delayMs > 0) await setTimeout(upstream.delayMs)
  switch (route) {
    case 'echo':
      return void response.end(JSON.stringify(await echoOf(upstream.name, request)))
    case 'bytes':
      return void response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(Number(size), 'x'))
    case 'chunks':
      return writeChunks(response, Number(size))
    case 'events':
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      return void response.write('data: 1\n\n')
    case 'status':
      return void response.writeHead(Number(size), { etag: '"1"' }).end()
    case 'early':
      return void response.writeHead(401, { 'content-length': '2' }).end('no')
    case 'hop':
      return void response
        .writeHead(200, { Connection: 'X-Secret', 'X-Secret': '1', 'X-Kept': 'Ä1' })
        .end(Buffer.from('hop'))
    case 'hints':
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      return void response.end('hinted')
    case 'hang':
      return
    case 'break': // the head and a part of the body, then nothing
      response.writeHead(200, { 'content-length': '100' })
      return void response.write('x'.repeat(50), () => request.socket.destroy())
    case 'reset':
      return void request.socket.destroy()
    case 'collect': // a stream up, and one down at the same time
      response.writeHead(200)
      return void request.pipe(response)
    default:
      return void response.writeHead(404).end()
  }
}

async function echoOf(name: string, request: IncomingMessage): Promise<Echo> {
  const hash = createHash('sha256')
  let bodyBytes = 0
  for await (const chunk of request) {
    bodyBytes += (chunk as Buffer).length
    hash.update(chunk as Buffer)
  }
  const { rawHeaders: raw, method = '', url = '' } = request
  const headers = raw.flatMap(
    (key, i): Array<[string, string]> => (i % 2 ? [] : [[key.toLowerCase(), raw[i + 1] ?? '']]),
  )
  return { server: name, method, url, headers, bodyBytes, bodySha256: hash.digest('hex') }
}

async function writeChunks(response: ServerResponse, count: number): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024, 'c')
  const closed = once(response, 'close')
  for (let i = 0; i < count && !response.destroyed; i++)
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), closed])
  response.end()
}

/** Begun as RFC 6455, 4.2.2 wants it: a strict balancer passes on nothing else. What follows is no WebSocket, only bytes. */
function echoTunnel(socket: Duplex, head: Buffer, key: string): void {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nX-Tunnel: 1\r\n`
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`)
  socket.write(head)
  socket.on('error', () => socket.destroy())
  socket.pipe(socket)
}

if (import.meta.main) {
  const upstream = await openUpstreamServer(process.argv[2] ?? 'unnamed', Number(process.argv[3] ?? 0))
  // Far longer than tests wait: it ends in time only when the balancer lets its connections go.
  process.on('SIGTERM', () => void upstream.server.drain(60_000))
  process.stdout.write(`${upstream.port}\n`)
}
