// What this engine's listeners do beside passing on: TLS, the PROXY protocol, peers that are believed, limits of clients, the
// edge before it, its own health.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { BlockList } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isTenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import type { Handler } from '../../../../net/http1/exchange.ts'
import { readProxyHeader } from '../../../../net/proxy-protocol/proxy-header.ts'
import { Certificates } from '../../../../net/tls/certificates.ts'
import { ensureLocalCertificate } from '../../../../net/tls/local-certificate.ts'
import type { Upstreams } from '../../contract.ts'
import { ask, askRaw, limitMs, openBench, rawSocket, upstreamsOf } from '../../testing/bench.ts'
import { openTcpServer } from '../../testing/tcp-server.ts'
import { type NodeBalancerOptions, openNodeBalancer } from './engine.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
const on = { address: '127.0.0.1', port: 0 }

test('where TLS ends here, a sticky cookie is sent over TLS alone, to clients of HTTP/1.1 and of HTTP/2', async (t) => {
  const { balancer, certificates } = await openSecure(t, { sticky: 'cookie' })
  const port = balancer.addresses()[1]?.port ?? 0
  const over1 = await new Promise<string[] | undefined>((resolve, reject) => {
    const call = request({
      host: '127.0.0.1',
      port,
      path: '/bytes/1',
      ca: certificates.fallback.pems.cert,
      agent: false,
    })
    call.on('response', (response) => resolve(response.resume().headers['set-cookie']))
    call.on('error', reject).end()
  })
  assert.match(over1?.[0] ?? '', /; HttpOnly; SameSite=Lax; Secure$/)
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificates.fallback.pems.cert })
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/bytes/1' }).resume()
  const [headers] = await once(stream, 'response')
  assert.match(headers['set-cookie']?.[0] ?? '', /; HttpOnly; SameSite=Lax; Secure$/)
  assert.equal(headers[':status'], 200)
})

test('a listener that shall end TLS without certificates says so', async (t) => {
  const balancer = await open(t, [], {})
  await assert.rejects(balancer.listen(on, { tls: true }), (error) => isTenfoldError(error, 'bad-input'))
})

test('the client that a PROXY header names is the one that algorithms and servers hear of', async (t) => {
  const { port, servers } = await openBench(
    t,
    async (upstreams) => openNodeBalancer(upstreams, { proxyProtocol: { from: loopback } }),
    ['a', 'b', 'c'],
    { algorithm: 'ip-hash' },
  )
  const from = (address: string) => {
    const get = 'GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    return askRaw(port, `PROXY TCP4 ${address} 192.0.2.9 1234 80\r\n${get}`)
  }
  for (let i = 0; i < 30; i++)
    assert.match(await from(`198.51.100.${i}`), new RegExp(`"x-forwarded-for","198.51.100.${i}"`))
  for (const { name, asked } of servers) assert.ok(asked.length >= 3, `${name} got ${asked.length} of 30 clients`)
  assert.equal(await askRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), '', 'without the header nothing is served')
})

test('behind a proxy that is trusted, ip-hash goes by the client that it names', async (t) => {
  const { port, servers } = await openBench(
    t,
    async (upstreams) => openNodeBalancer(upstreams, { trustedPeers: loopback }),
    ['a', 'b', 'c'],
    { algorithm: 'ip-hash' },
  )
  for (let i = 0; i < 30; i++)
    await ask(port, '/bytes/1', { headers: { 'X-Forwarded-For': `6.6.6.6, 198.51.100.${i}` } })
  for (const { name, asked } of servers) assert.ok(asked.length >= 3, `${name} got ${asked.length} of 30 clients`)
})

test('requests of one address beyond its rate are 429, on all public listeners together', async (t) => {
  const server = await openBench(
    t,
    async (upstreams) => openNodeBalancer(upstreams, { requestsPerSecondPerAddress: 5 }),
    ['a'],
  )
  await server.balancer.listen(on)
  const ports = server.balancer.addresses().map(({ port }) => port)
  const statuses = []
  for (let i = 0; i < 16; i++) statuses.push((await ask(ports[i % 2] ?? 0, '/bytes/1')).status)
  assert.deepEqual(statuses.slice(0, 10), Array(10).fill(200))
  assert.ok(statuses.filter((status) => status === 429).length >= 4, `${statuses}`)
})

test('connections of one address are counted over all public listeners together', async (t) => {
  const options = { server: { connectionsPerAddressMax: 3 } }
  const { balancer } = await openBench(t, async (upstreams) => openNodeBalancer(upstreams, options), ['a'])
  await balancer.listen(on)
  const [one = 0, other = 0] = balancer.addresses().map(({ port }) => port)
  const held = [await rawSocket(one), await rawSocket(one), await rawSocket(other)]
  t.after(() => held.forEach((socket) => void socket.destroy()))
  const excess = await rawSocket(other)
  excess.resume()
  await waitUntil(() => excess.destroyed, { what: 'the end of the fourth', timeoutMs: limitMs })
})

test('what stands before the balancer answers, passes on, and is told of the end', async (t) => {
  const ended: number[] = []
  const before = (origin: Handler): Handler => ({
    handle: (exchange) => {
      if (exchange.request.path === '/mine') exchange.answerWhole(200, 'x: y\r\n', Buffer.from('mine'))
      else origin.handle(exchange)
    },
    finished: ({ status }) => void ended.push(status),
  })
  const { port, servers, balancer } = await openBench(t, async (upstreams) => openNodeBalancer(upstreams, { before }), [
    'a',
  ])
  assert.equal((await ask(port, '/mine')).body, 'mine')
  assert.equal((await ask(port, '/status/404')).status, 404)
  assert.deepEqual([ended, servers[0]?.asked], [[200, 404], ['/status/404']])
  const { requests, errors, p99Ms } = balancer.counts()
  assert.deepEqual([requests, errors], [2, 0])
  assert.ok(p99Ms !== undefined && p99Ms > 0)
})

for (const mode of ['http', 'tcp'] as const)
  test(`in mode ${mode} the balancer answers for itself on its own address, and keeps its mode`, async (t) => {
    const balancer = await open(t, [{ name: 'dead', port: 1 }], { mode, healthIntervalMs: 60_000 })
    await balancer.listen(on, { answersHealth: true })
    const port = balancer.addresses()[0]?.port ?? 0
    await waitUntil(() => balancer.isReady(), { what: 'the first check', timeoutMs: limitMs })
    assert.equal((await ask(port, '/-/live')).body, 'ok\n')
    assert.equal((await ask(port, '/-/ready')).body, 'ok\n')
    const other = upstreamsOf([], { mode: mode === 'http' ? 'tcp' : 'http' })
    await assert.rejects(balancer.update(other), (error) => isTenfoldError(error, 'conflict'))
  })

test('in mode tcp a server can be told who the client is, by a PROXY header before its first byte', async (t) => {
  const heard: string[] = []
  const server = await openTcpServer(t, 'a', (socket) => {
    let bytes = Buffer.alloc(0)
    socket.on('data', (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece])
    })
    socket.on('end', () => {
      const header = readProxyHeader(bytes)
      if (typeof header === 'object') heard.push(`${header.source?.address}:${header.source?.port}`)
      socket.end(bytes.subarray(typeof header === 'object' ? header.bytes : 0))
    })
  })
  const over: Partial<Upstreams> = { mode: 'tcp', healthPath: '', healthIntervalMs: 60_000 }
  const balancer = await open(t, [server], over, { sendsProxyHeader: true })
  await balancer.listen(on)
  const socket = await rawSocket(balancer.addresses()[0]?.port ?? 0)
  const { localPort } = socket
  socket.end('hello')
  assert.equal(String((await once(socket, 'data'))[0]), 'hello')
  assert.deepEqual(heard.slice(-1), [`127.0.0.1:${localPort}`])
})

async function open(
  t: TestContext,
  servers: Parameters<typeof upstreamsOf>[0],
  over: Partial<Upstreams>,
  options: NodeBalancerOptions = {},
) {
  const balancer = openNodeBalancer(upstreamsOf(servers, over), options)
  t.after(() => balancer.close(0))
  return balancer
}

async function openSecure(t: TestContext, over: Partial<Upstreams>) {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-listeners-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  await ensureLocalCertificate(directory)
  const certificates = await Certificates.open(directory, { onTrouble: (message) => assert.fail(message) })
  t.after(() => certificates.close())
  const bench = await openBench(
    t,
    async (upstreams) => openNodeBalancer(upstreams, { tls: { certificates } }),
    ['a'],
    over,
  )
  await bench.balancer.listen(on, { tls: true })
  return { ...bench, certificates }
}
