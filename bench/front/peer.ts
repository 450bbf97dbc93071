// A proxy of the Node world in front of one server. Run by run.ts: node peer.ts <name> <port> <server's port> <folder of packages>.

import { createServer, Agent as HttpAgent, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Pool } from 'undici'

const [name = '', port = '0', serverPort = '0', packages = '.'] = process.argv.slice(2)
const address = '127.0.0.1'
const target = `http://${address}:${serverPort}`
const connections = 256
const load = createRequire(join(packages, 'index.js'))

type Listener = (request: IncomingMessage, response: ServerResponse) => void

const peers: Record<string, () => Promise<void>> = {
  'http-proxy': async () => {
    const proxy = load('http-proxy').createProxyServer({
      target,
      xfwd: true,
      agent: new HttpAgent({ keepAlive: true, maxSockets: connections }),
    })
    await listen((request, response) => proxy.web(request, response))
  },
  '@fastify/http-proxy': async () => {
    const app = load('fastify')()
    app.register(load('@fastify/http-proxy'), { upstream: target, undici: { connections, pipelining: 1 } })
    await app.listen({ host: address, port: Number(port) })
  },
  // What the balancer in use is made of, and nothing of what it does besides: the least that a careful program would write.
  'node:http + undici': async () => {
    const pool = new Pool(target, { connections, pipelining: 1 })
    const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'content-length'])
    await listen((request, response) => {
      const headers: string[] = ['host', request.headers.host ?? '', 'x-forwarded-for', address]
      const { rawHeaders: raw } = request
      for (let i = 0; i + 1 < raw.length; i += 2)
        if (!hopByHop.has(String(raw[i]).toLowerCase())) headers.push(String(raw[i]), String(raw[i + 1]))
      const { method = 'GET', url: path = '/' } = request
      const options = { method, path, headers, body: method === 'GET' ? null : request } as const
      pool.dispatch(options, {
        onRequestStart() {},
        onResponseStart(controller, status) {
          const raw = controller.rawHeaders
          response.writeHead(status, Array.isArray(raw) ? raw.map(String) : [])
        },
        onResponseData: (_controller, piece) => void response.write(piece),
        onResponseEnd: () => void response.end(),
        onResponseError: () => response.destroy(),
      })
    })
  },
}

const peer = peers[name]
if (!peer) throw new Error(`no peer ${name}; there are ${Object.keys(peers).join(', ')}`)
await peer()
process.stdout.write('ready\n')

function listen(listener: Listener): Promise<void> {
  const server = createServer(listener)
  return new Promise((resolve) => server.listen(Number(port), address, resolve))
}
