// What one listener does beyond HTTP: who the client is by its PROXY header, how many connections and requests it may have,
// and how it leaves, whatever is spoken.

import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { waitUntil } from '../../base/limits.ts'
import { askOnce, body, limitMs, okAnswer, openClient, openFront, openRawServer } from '../http1/testing/front.ts'
import { get } from '../http1/testing/malformed.ts'
import { ask, openSession } from '../http2/testing/client.ts'
import { proxyHeader } from '../proxy-protocol/write-proxy-header.ts'
import { Certificates } from '../tls/certificates.ts'
import { makeDirectory, putPem } from '../tls/testing/certificates.ts'
import { ConnectionCaps } from './connection-caps.ts'
import { RequestRate } from './request-rate.ts'

const own = listOf('127.0.0.1')
const fromClient = 'PROXY TCP4 203.0.113.7 192.0.2.2 40000 443\r\n'

function listOf(...addresses: string[]): BlockList {
  const list = new BlockList()
  for (const each of addresses) list.addAddress(each)
  return list
}

async function openServer(t: TestContext) {
  return openRawServer(t, (socket, text) => {
    if (!text.endsWith('\r\n\r\n')) return undefined
    socket.write(okAnswer)
    return true
  })
}

async function openCertificates(t: TestContext): Promise<Certificates> {
  const directory = await makeDirectory(t)
  await putPem(directory, 'a', ['a.test'])
  const certificates = await Certificates.open(directory)
  t.after(() => certificates.close())
  return certificates
}

test('the client of a PROXY header is who servers are told of, in every version and cut', async (t) => {
  const server = await openServer(t)
  const { port } = await openFront(t, server.port, { listen: { proxyProtocol: { from: own } } })
  const version2 = proxyHeader({
    source: { address: '2001:db8::9', port: 1 },
    destination: { address: '2001:db8::1', port: 443 },
  })
  for (const [header, expected] of [
    [fromClient, /x-forwarded-for: 203\.0\.113\.7\r\n/],
    [version2.toString('latin1'), /x-forwarded-for: 2001:db8::9\r\n.*for="\[2001:db8::9\]"/s],
    ['PROXY UNKNOWN\r\n', /x-forwarded-for: 127\.0\.0\.1\r\n/],
  ] as const) {
    server.streams.length = 0
    assert.match(await askOnce(t, port, header + get(''), /ok$/), /^HTTP\/1\.1 200/)
    assert.match(server.streams.join(''), expected)
    const client = await openClient(t, port)
    for (const byte of Buffer.from(header + get(''), 'latin1')) {
      client.send(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.match(await client.until(/ok$/), /^HTTP\/1\.1 200/)
    client.socket.destroy()
  }
})

test('without a PROXY header, with a bent one, or from a peer that is not listed, nothing is served', async (t) => {
  const server = await openServer(t)
  const { port, counts } = await openFront(t, server.port, { listen: { proxyProtocol: { from: own } } })
  const long = `\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff${'x'.repeat(100)}`
  for (const bytes of [get(''), `PROXY TCP4 1.2.3.4\r\n${get('')}`, `${fromClient.slice(1)}${get('')}`, long])
    assert.equal(await askOnce(t, port, bytes), '')
  assert.equal(counts.get('requests'), 0)
  const other = await openFront(t, server.port, { listen: { proxyProtocol: { from: listOf('192.0.2.1') } } })
  assert.equal(await askOnce(t, other.port, fromClient + get('')), '')
  assert.equal(server.accepted(), 0)
})

test('a PROXY header that is never finished ends in time', async (t) => {
  const server = await openServer(t)
  const { port, server: front } = await openFront(t, server.port, {
    listen: { proxyProtocol: { from: own } },
    limits: { headersTimeoutMs: 200 },
  })
  const clients = await Promise.all(
    ['', 'PROXY ', '\r\n\r\n\0'].map(async (bytes) => {
      const client = await openClient(t, port)
      client.send(bytes)
      return client
    }),
  )
  for (const client of clients) assert.equal(await client.closed(), '')
  assert.equal(front.connections, 0)
})

test('behind a PROXY header TLS and HTTP/2 are as they are without', async (t) => {
  const server = await openServer(t)
  const tls = { certificates: await openCertificates(t) }
  const secure = await openFront(t, server.port, { listen: { proxyProtocol: { from: own }, tls } })
  for (const isTogether of [true, false]) {
    const raw = await openClient(t, secure.port)
    raw.socket.removeAllListeners('data')
    raw.socket.pause()
    if (isTogether) raw.socket.cork()
    raw.send(fromClient)
    if (!isTogether) await new Promise((resolve) => setTimeout(resolve, 20))
    const client = connectTls({ socket: raw.socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    if (isTogether) setImmediate(() => raw.socket.uncork())
    client.write(get(''))
    const text = await firstBytes(client)
    assert.match(text, /^HTTP\/1\.1 200/)
    client.destroy()
  }
  assert.match(server.streams.join(''), /x-forwarded-for: 203\.0\.113\.7\r\nx-forwarded-proto: https\r\n/)
  const plain = await openFront(t, server.port, { listen: { proxyProtocol: { from: own }, servesPlainHttp2: true } })
  const client = await openClient(t, plain.port)
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'
  client.send(fromClient + preface)
  // Our SETTINGS, and then the answer to theirs.
  await client.until((text) => text.includes('\0\0\0\x04\x01\0\0\0\0'))
  client.socket.destroy()
})

test('connections are counted by the address of the PROXY header, and given back', async (t) => {
  const server = await openServer(t)
  const { port, counts } = await openFront(t, server.port, {
    listen: { proxyProtocol: { from: own } },
    limits: { connectionsPerAddressMax: 2 },
  })
  const header = (last: string) => `PROXY TCP6 2001:db8:0:1::${last} ::1 1 2\r\n`
  const [one, two] = [await openClient(t, port), await openClient(t, port)]
  one.send(header('1') + get(''))
  two.send(header('2') + get(''))
  await Promise.all([one.until(/ok$/), two.until(/ok$/)])
  // A third of the same network; and one of another.
  assert.equal(await askOnce(t, port, header('3') + get('')), '')
  assert.match(await askOnce(t, port, fromClient + get(''), /ok$/), /^HTTP\/1\.1 200/)
  assert.equal(counts.get('connectionsRefused'), 1)
  one.socket.destroy()
  await waitUntil(() => counts.get('connectionsOpen') === 1, { what: 'one less', timeoutMs: limitMs })
  assert.match(await askOnce(t, port, header('3') + get(''), /ok$/), /^HTTP\/1\.1 200/)
})

test('requests beyond the rate of an address are 429 with a time to wait, in both protocols; trusted peers are exempt', async (t) => {
  const server = await openServer(t)
  const rate = new RequestRate({ perSecond: 1, burst: 3 })
  const listen = { servesPlainHttp2: true }
  const { port, counts, finished } = await openFront(t, server.port, { rate, listen })
  const client = await openClient(t, port)
  client.send(get('').repeat(2))
  assert.match(await client.until(/ok.*ok$/s), /200.*200/s)
  const session = await openSession(t, port)
  assert.equal((await ask(session, {})).status, 200)
  const refused = await ask(session, {})
  assert.equal(refused.status, 429)
  assert.equal(refused.fields['retry-after'], '1')
  client.send(get(''))
  const text = await client.until(/\}\}$/)
  assert.match(text, /HTTP\/1\.1 429 Too Many Requests\r\n.*retry-after: 1\r\n.*connection: keep-alive/s)
  assert.match(body(text.slice(text.indexOf('HTTP/1.1 429'))), /"code":"overloaded"/)
  assert.equal(counts.get('rateRefused'), 2)
  assert.equal(server.streams.join('').match(/GET/g)?.length, 3)
  assert.deepEqual(
    finished.map(({ status }) => status),
    [200, 200, 200, 429, 429],
  )
  const trusting = await openFront(t, server.port, { rate, trustedPeers: own })
  for (let i = 0; i < 10; i++) assert.match(await askOnce(t, trusting.port, get(''), /ok$/), /^HTTP\/1\.1 200/)
})

test('plain HTTP/2 is served only where it is asked for', async (t) => {
  const server = await openServer(t)
  const { port } = await openFront(t, server.port)
  assert.match(await askOnce(t, port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^HTTP\/1\.1 505/)
  const both = await openFront(t, server.port, { listen: { servesPlainHttp2: true } })
  assert.match(
    await askOnce(t, both.port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`, /ok$/),
    /^HTTP\/1\.1 200/,
  )
  assert.equal((await ask(await openSession(t, both.port), {})).status, 200)
})

test('a drain finishes handshakes that had begun, and their request is the last', async (t) => {
  const server = await openServer(t)
  const certificates = await openCertificates(t)
  const front = await openFront(t, server.port, { listen: { tls: { certificates }, proxyProtocol: { from: own } } })
  const raw = await openClient(t, front.port)
  raw.socket.removeAllListeners('data')
  raw.socket.pause()
  await waitUntil(() => front.server.connections === 1, { what: 'the connection', timeoutMs: limitMs })
  const drained = front.server.drain(limitMs)
  raw.send(fromClient)
  const client = connectTls({ socket: raw.socket, rejectUnauthorized: false })
  client.write(get(''))
  const text = await firstBytes(client)
  assert.match(text, /^HTTP\/1\.1 200 .*connection: close/s)
  client.end()
  await drained
})

test('listeners that share their caps are counted together', () => {
  const caps = new ConnectionCaps({ connectionsMax: 2, connectionsPerAddressMax: 1 })
  assert.deepEqual([caps.take(), caps.take(), caps.take()], [true, true, false])
  caps.release()
  assert.equal(caps.open, 1)
  const take = (address: string, isExempt = false) => caps.takeAddress(address, { isExempt })
  assert.deepEqual(
    [take('::1'), take('::2'), take('1:2:3:4:5:6:7:8'), take('1:2:3:4::9'), take('1:2:3:5::9')],
    [true, false, true, false, true],
  )
  assert.deepEqual([take('127.0.0.1'), take('127.0.0.1', true), take('127.0.0.1')], [true, true, false])
  caps.releaseAddress('127.0.0.1')
  assert.equal(take('127.0.0.1'), false)
  caps.releaseAddress('127.0.0.1')
  assert.equal(take('127.0.0.1'), true)
})

function firstBytes(client: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    client.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1')))
    client.once('close', () => reject(new Error('closed without an answer')))
  })
}
