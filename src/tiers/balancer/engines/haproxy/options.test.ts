// What the options say of clients: who is believed, how much one may ask, TLS, PROXY protocol, the access log, own health.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { ensureLocalCertificate } from '../../../../net/tls/local-certificate.ts'
import { ask, askRaw, limitMs, upstreamsOf } from '../../testing/bench.ts'
import { type Echo, openUpstreamServer } from '../../testing/upstream-server.ts'
import { openReady, temporaryDir, withHaproxy } from './testing/bench.ts'

withHaproxy('haproxy: options', () => {
  test('a trusted peer is believed and continued, and nobody else', async (t) => {
    const server = await openUpstreamServer('a')
    t.after(() => server.close())
    const said = { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Prefix': '/evil' }
    const headersVia = async (trustedPeers: string[]) => {
      const { port } = await openReady(t, upstreamsOf([server]), { trustedPeers })
      const { body } = await ask(port, '/echo', { headers: said })
      return (JSON.parse(body) as Echo).headers
    }
    const trusted = await headersVia(['10.0.0.0/8', '127.0.0.1'])
    const valuesOf = (headers: Echo['headers'], name: string) =>
      headers.flatMap(([key, value]) => (key === name ? [value] : [])).join(', ')
    assert.equal(valuesOf(trusted, 'x-forwarded-for'), '6.6.6.6, 127.0.0.1')
    assert.equal(valuesOf(trusted, 'x-forwarded-proto'), 'https')
    assert.equal(valuesOf(trusted, 'x-forwarded-prefix'), '')
    const foreign = await headersVia(['10.0.0.0/8'])
    assert.equal(valuesOf(foreign, 'x-forwarded-for'), '127.0.0.1')
    assert.equal(valuesOf(foreign, 'x-forwarded-proto'), 'http')
  })

  test('who asks too often is told so with 429, and when to come back', async (t) => {
    const server = await openUpstreamServer('a')
    t.after(() => server.close())
    const { port } = await openReady(t, upstreamsOf([server]), { requestsPerSecondPerAddress: 5 })
    const answers = []
    for (let i = 0; i < 20; i++) answers.push(await ask(port, '/bytes/1'))
    assert.ok(answers.slice(0, 9).every(({ status }) => status === 200))
    const last = answers.at(-1)
    assert.equal(last?.status, 429)
    assert.match(String(last?.headers['retry-after']), /^\d+$/)
    assert.equal(JSON.parse(last?.body ?? '').error.code, 'overloaded')
  })

  test('TLS ends here, HTTP/2 is offered, and the servers are told', async (t) => {
    const server = await openUpstreamServer('a')
    t.after(() => server.close())
    const directory = await temporaryDir(t)
    await ensureLocalCertificate(directory)
    let changed = () => {}
    const onChange = (listener: () => void) => {
      changed = listener
      return () => {}
    }
    const { port } = await openReady(t, upstreamsOf([server]), { tls: { directory, onChange } }, { tls: true })
    const [protocol, { headers }] = await askTls(port)
    assert.equal(protocol, 'h2')
    assert.equal(new Map(headers).get('x-forwarded-proto'), 'https')
    changed() // a reload, which reads the files again
    await askTls(port)
  })

  test('a PROXY header says who the client is, and is asked of everybody who may connect', async (t) => {
    const server = await openUpstreamServer('a')
    t.after(() => server.close())
    const { port } = await openReady(t, upstreamsOf([server]), { proxyProtocol: ['127.0.0.0/8'] })
    const get = 'GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    const text = await askRaw(port, `PROXY TCP4 6.7.8.9 127.0.0.1 1234 80\r\n${get}`)
    assert.match(text, /"x-forwarded-for","6\.7\.8\.9"/)
    assert.doesNotMatch(await askRaw(port, get), /200 OK/)
    const closed = await openReady(t, upstreamsOf([server]), { proxyProtocol: ['10.0.0.0/8'] })
    // Reset before the client knows that it is connected, or after.
    const refused = askRaw(closed.port, `PROXY TCP4 6.7.8.9 127.0.0.1 1234 80\r\n${get}`).catch(() => '')
    assert.equal(await refused, '')
  })

  for (const format of ['common', 'combined', 'json'] as const)
    test(`the access log in format ${format} has one line for each request, and no client can forge one`, async (t) => {
      const server = await openUpstreamServer('us-east/a')
      t.after(() => server.close())
      const file = join(await temporaryDir(t), 'access')
      const { port } = await openReady(t, upstreamsOf([server]), { accessLog: { file, format } })
      const headers = { 'User-Agent': 'agent "x" \\ \t{', 'X-Request-Id': 'id-1', Referer: 'http://a/?b="' }
      assert.equal((await ask(port, '/none?q="1"', { headers })).status, 404)
      const text = await waitUntil(async () => (await readFile(file, 'utf8')) || undefined, {
        what: 'the line',
        timeoutMs: limitMs,
      })
      const lines = text.trimEnd().split('\n')
      assert.equal(lines.length, 1, text)
      const [line = ''] = lines
      if (format === 'json') {
        const { time, durationMs, ...entry } = JSON.parse(line)
        assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000)
        assert.ok(durationMs >= 0)
        assert.equal(entry.path, '/none?q="1"')
        assert.equal(entry.userAgent, headers['User-Agent'])
        assert.deepEqual([entry.client, entry.method, entry.status], ['127.0.0.1', 'GET', 404])
        assert.equal(entry.requestId, 'id-1')
        assert.match(entry.server, /^us-east:a:127\.0\.0\.1:\d+$/)
      } else
        assert.match(
          line,
          /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:[\d:]{8} [+-]\d{4}\] "GET \/none[^ ]* HTTP\/1\.1" 404 \d+/,
        )
      if (format === 'combined') assert.match(line, /" 404 \d+ "http:\/\/a\/\?b=[^ ]+" "agent [^"]*(\\"[^"]*)*"$/)
    })

  test('its directory may be called anything, and so may the path that is checked', async (t) => {
    const server = await openUpstreamServer('a')
    t.after(() => server.close())
    const dir = join(await temporaryDir(t), "it's (a, b) #1")
    const upstreams = upstreamsOf([server], { healthPath: "/ready/it's" })
    const { port, balancer } = await openReady(t, upstreams, { dir }, { answersHealth: true })
    assert.equal((await ask(port, '/-/ready')).body, 'ok\n')
    assert.ok(balancer.health().every(({ isUp }) => isUp))
    const late = await openUpstreamServer('late')
    t.after(() => late.close())
    await balancer.update(upstreamsOf([server, late], { healthPath: "/ready/it's", timeoutMs: 4000 }))
    await waitUntil(() => balancer.isReady(), { what: 'ready again', timeoutMs: limitMs })
    assert.equal((await ask(port, '/-/ready')).body, 'ok\n')
  })

  for (const mode of ['http', 'tcp'] as const)
    test(`in mode ${mode} it answers for itself on its own address, and keeps its mode`, async (t) => {
      const server = await openUpstreamServer('a')
      t.after(() => server.close())
      const { port, balancer } = await openReady(t, upstreamsOf([server], { mode }), {}, { answersHealth: true })
      assert.equal((await ask(port, '/-/live')).body, 'ok\n')
      assert.equal((await ask(port, '/-/ready')).body, 'ok\n')
      assert.equal((await ask(port, '/-/other')).status, 404)
      await assert.rejects(balancer.update(upstreamsOf([], { mode: mode === 'http' ? 'tcp' : 'http' })), {
        code: 'conflict',
      })
      // A server that nobody has looked at yet.
      const late = await openUpstreamServer('late')
      t.after(() => late.close())
      await balancer.update(upstreamsOf([server, late], { mode }))
      await waitUntil(() => balancer.isReady(), { what: 'ready again', timeoutMs: limitMs })
      await balancer.update(upstreamsOf([server, late], { mode, timeoutMs: 4000 }))
      assert.equal((await ask(port, '/-/ready')).body, 'ok\n', 'a reload forgets what was checked')
    })
})

/** The protocol that was chosen, and what the server saw; by HTTP/1.1, which the client then speaks. */
async function askTls(port: number): Promise<[string, Echo]> {
  const { connect } = await import('node:tls')
  const protocol = await new Promise<string>((resolve, reject) => {
    const socket = connect(
      { port, host: '127.0.0.1', ALPNProtocols: ['h2', 'http/1.1'], rejectUnauthorized: false },
      () => {
        resolve(String(socket.alpnProtocol))
        socket.destroy()
      },
    )
    socket.once('error', reject)
  })
  const body = await new Promise<string>((resolve, reject) => {
    const call = request(
      { port, host: '127.0.0.1', path: '/echo', rejectUnauthorized: false, agent: false },
      (response) => {
        let text = ''
        response.on('data', (piece) => {
          text += piece
        })
        response.on('end', () => resolve(text))
      },
    )
    call.once('error', reject)
    call.end()
  })
  return [protocol, JSON.parse(body) as Echo]
}
