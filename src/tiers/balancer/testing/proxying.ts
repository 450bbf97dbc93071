// What clients and servers see of each other through a balancer.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { ask, askRaw, echo, limitMs, type OpenBalancer, openBench, rawSocket } from './bench.ts'
import type { Capability } from './capabilities.ts'

export function proxyingSuite(engine: string, open: OpenBalancer, lacks: readonly Capability[] = []): void {
  const promise = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}: ${name}`, run)
  /** With a body beyond the limit; undefined when the connection was reset under it, where an engine may do that. */
  const askTooMuch = (...args: Parameters<typeof ask>) =>
    ask(...args).catch((error) => {
      if (lacks.includes('refusals-arrive') && isBroken(error)) return undefined
      throw error
    })

  promise('method, path, query, headers and body reach the server as they were', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const body = 'x'.repeat(200_000)
    const headers = { 'X-Thing': 'Ä1', accept: 'a/b' }
    // As a buffer: with a string, node's own client writes the headers in the encoding of the body.
    const answer = await ask(port, '/echo/x?a=1&a=%20;b', { method: 'PATCH', headers, body: Buffer.from(body) })
    const seen = JSON.parse(Buffer.from(answer.body, 'latin1').toString()) as Awaited<ReturnType<typeof echo>>
    assert.equal(seen.method, 'PATCH')
    assert.equal(seen.url, '/echo/x?a=1&a=%20;b')
    assert.equal(seen.bodyBytes, body.length)
    assert.equal(seen.bodySha256, createHash('sha256').update(body).digest('hex'))
    const got = new Map(seen.headers)
    assert.equal(got.get('x-thing'), 'Ä1')
    assert.equal(got.get('host'), `127.0.0.1:${port}`)
    assert.equal(got.get('content-length'), String(body.length))
  })

  promise('what a client says of where it comes from is written anew', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const lies = {
      ...{
        'X-Forwarded-For': '6.6.6.6',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'evil',
        'X-Real-IP': '6.6.6.6',
      },
      ...{ Forwarded: 'for=6.6.6.6', 'X-Forwarded-Prefix': '/evil', X_Forwarded_For: '6.6.6.6', Proxy: 'evil' },
    }
    const { headers } = await echo(port, { headers: { ...lies, Host: 'example.test' } })
    const got = new Map(headers)
    assert.equal(got.get('x-forwarded-for'), '127.0.0.1')
    assert.equal(got.get('x-forwarded-proto'), 'http')
    assert.equal(got.get('x-forwarded-host'), 'example.test')
    assert.equal(got.get('forwarded'), 'for=127.0.0.1;host="example.test";proto=http')
    assert.equal(got.get('host'), 'example.test')
    assert.doesNotMatch(JSON.stringify(headers), /6\.6\.6\.6|evil/)
  })

  promise('headers that end at a hop do not cross it, in either direction', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const own = {
      Connection: 'X-Named, close',
      'X-Named': '1',
      TE: 'trailers',
      'Keep-Alive': 'timeout=9',
      Upgrade: 'h2c',
    }
    const names = (await echo(port, { headers: own })).headers.map(([name]) => name)
    const namesFields = !lacks.includes('named-fields')
    for (const name of ['te', 'upgrade', 'keep-alive', ...(namesFields ? ['x-named'] : [])])
      assert.ok(!names.includes(name), name)
    const { headers } = await ask(port, '/hop')
    if (namesFields) assert.equal(headers['x-secret'], undefined)
    assert.equal(headers['x-kept'], 'Ä1')
  })

  promise(
    'a sound request id is passed on and an unsound or absent one is replaced, the same to both sides',
    async (t) => {
      const { port } = await openBench(t, open, ['a'])
      for (const [sent, isKept] of [
        ['abc-123', true],
        ['', false],
        ['a b<script>', false],
        ['x'.repeat(300), false],
      ] as const) {
        const { headers, body } = await ask(port, '/echo', { headers: { 'X-Request-Id': sent } })
        const atServer = new Map(JSON.parse(body).headers).get('x-request-id')
        assert.equal(headers['x-request-id'], atServer)
        assert.equal(atServer === sent, isKept, sent)
      }
    },
  )

  promise('answers without a body stay without one, and the connection goes on', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const head = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
    const requests = [
      head('HEAD', '/bytes/10'),
      head('GET', '/status/204'),
      head('GET', '/status/304'),
      head('GET', '/bytes/3'),
    ]
    const text = await askRaw(port, requests.join(''), (text) => text.endsWith('xxx'))
    assert.deepEqual(text.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200'])
    assert.match(text, /content-length: 10\r\n/i)
    assert.doesNotMatch(text, /xxxx|transfer-encoding/i)
  })

  promise('an answer of unknown length reaches an old client, which reads until the end', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const text = await askRaw(port, 'GET /chunks/2 HTTP/1.0\r\nHost: a\r\n\r\n')
    assert.doesNotMatch(text, /transfer-encoding/i)
    assert.equal(text.slice(text.indexOf('\r\n\r\n') + 4).length, 2 * 64 * 1024)
  })

  promise('events reach the client one by one, while the answer is still open', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const call = request({ host: '127.0.0.1', port, path: '/events', agent: false }).end()
    const [response] = await once(call, 'response')
    const [first] = await once(response, 'data')
    assert.equal(String(first), 'data: 1\n\n')
    call.on('error', () => {})
    call.destroy()
  })

  promise('a body streams up while the answer to it streams down', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const call = request({ host: '127.0.0.1', port, path: '/collect', method: 'POST', agent: false })
    call.write('one')
    const [response] = await once(call, 'response')
    assert.equal(String((await once(response, 'data'))[0]), 'one')
    call.end('two')
    assert.equal(String((await once(response, 'data'))[0]), 'two')
  })

  promise('a client that does not read holds the server back, and gets all of it in the end', async (t) => {
    const { port, servers } = await openBench(t, open, ['a'])
    const chunks = 800 // 50 MB: more than all buffers between the two hold
    const socket = await rawSocket(port)
    socket.pause()
    socket.write(`GET /chunks/${chunks} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await waitUntil(() => servers[0]?.asked.length, { what: 'the request', timeoutMs: limitMs })
    const before = process.memoryUsage().arrayBuffers
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(servers[0]?.server.inFlight, 1, 'the server wrote everything although nobody read')
    assert.ok(process.memoryUsage().arrayBuffers - before < 30 * 1024 * 1024, 'the answer piles up in memory')
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    socket.resume()
    await once(socket, 'close')
    assert.ok(bytes > chunks * 64 * 1024)
  })

  promise('a client that goes away takes its request back from the server', async (t) => {
    const { port, servers, balancer } = await openBench(t, open, ['a'])
    for (const path of ['/hang', '/events']) {
      const socket = await rawSocket(port)
      const before = servers[0]?.asked.length ?? 0
      const aborted = servers[0]?.aborted ?? 0
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await waitUntil(() => (servers[0]?.asked.length ?? 0) > before, { what: 'the request', timeoutMs: limitMs })
      socket.destroy()
      await waitUntil(() => (servers[0]?.aborted ?? 0) > aborted, { what: 'the abort', timeoutMs: limitMs })
    }
    await waitUntil(() => balancer.inFlight() === 0, { what: 'nothing in flight', timeoutMs: limitMs })
  })

  promise(
    'a body beyond the limit is 413, told by its length or found out, and the client can read that',
    async (t) => {
      const { port, servers } = await openBench(t, open, ['a'], { bodyBytesMax: 100_000 })
      const body = Buffer.alloc(3_000_000, 'b')
      for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const answer = await askTooMuch(port, '/echo', { method: 'POST', body, headers })
        if (answer === undefined) continue
        assert.equal(answer.status, 413)
        assert.equal(JSON.parse(answer.body).error.code, 'too-large')
      }
      assert.ok((servers[0]?.asked.length ?? 0) <= 1)
      assert.equal((await ask(port, '/echo', { method: 'POST', body: body.subarray(0, 100_000) })).status, 200)
    },
  )

  promise('a client that waits for 100 Continue gets it, or the refusal at once', async (t) => {
    const { port } = await openBench(t, open, ['a'], { bodyBytesMax: 1000 })
    const head = (bytes: number) =>
      `POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${bytes}\r\n\r\n`
    const socket = await rawSocket(port)
    socket.write(head(5))
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 100 Continue\r\n\r\n$/)
    socket.write('12345')
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 200.*"bodyBytes":5/s)
    socket.destroy()
    assert.match(await askRaw(port, head(5000), (text) => text.includes('}}')), /^HTTP\/1.1 413/)
  })

  promise('an answer that comes before the body was read is passed on', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const answer = await ask(port, '/early', { method: 'POST', body: Buffer.alloc(3_000_000) })
    assert.equal(answer.status, 401)
    assert.equal(answer.body, 'no')
  })

  promise('early hints reach the client before the answer', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const text = await askRaw(port, 'GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.match(text, /^HTTP\/1.1 103 .*link: <\/style.css>; rel=preload\r\n\r\nHTTP\/1.1 200/is)
  })

  promise('a WebSocket is tunnelled both ways, and either end closing closes the other', async (t) => {
    const { port, servers, balancer } = await openBench(t, open, ['a'])
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
    const head = `HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}`
    const socket = await rawSocket(port)
    socket.write(`GET /tunnel ${head}\r\nfirst`)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    await waitUntil(() => text.endsWith('first'), { what: 'the echo', timeoutMs: limitMs })
    assert.match(text, /^HTTP\/1.1 101 .*x-tunnel: 1/is)
    socket.write('second')
    await waitUntil(() => text.endsWith('firstsecond'), { what: 'the second echo', timeoutMs: limitMs })
    await waitUntil(() => balancer.inFlight() === 1, { what: 'the tunnel counted', timeoutMs: limitMs })
    socket.destroy()
    await waitUntil(() => balancer.inFlight() === 0, { what: 'the end of the tunnel', timeoutMs: limitMs })
    assert.match(await askRaw(port, `GET /status/403 ${head}\r\n`), /^HTTP\/1.1 403/)
    // Refused, or served as if it did not ask to leave HTTP: nothing behind a body is taken for a tunnel.
    const withBody = `GET /tunnel ${head}Content-Length: 5\r\nConnection: close\r\n\r\n12345`
    assert.match(await askRaw(port, withBody), /^HTTP\/1.1 40[04]/)
    assert.deepEqual(
      servers[0]?.asked.filter((path) => path !== '/tunnel'),
      ['/status/403'],
    )
  })
}

function isBroken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNRESET' || code === 'EPIPE'
}
