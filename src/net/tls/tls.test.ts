// TLS as clients meet it: the certificate of the host that they ask for, old versions refused, tickets that any process
// understands; and certificates that change, or break, while connections are open.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { systemClock } from '../../base/clock.ts'
import { isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { Counters } from '../http1/counters.ts'
import type { Exchange } from '../http1/exchange.ts'
import { address, limitMs } from '../http1/testing/front.ts'
import { HttpServer, type HttpServerOptions } from '../server/http-server.ts'
import { Certificates } from './certificates.ts'
import { ensureLocalCertificate } from './local-certificate.ts'
import { makeDirectory, makePair, putPem } from './testing/certificates.ts'
import type { TlsOptions } from './tls-terminator.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('a client gets the certificate of the host that it asks for, and the default one else', async (t) => {
  const directory = await makeDirectory(t)
  await putPem(directory, 'default', ['fallback.test'])
  await putPem(directory, 'a', ['a.test'])
  const pair = await makePair(['*.wild.test', 'other.test'])
  await writeFile(join(directory, 'wild.crt'), pair.crt)
  await writeFile(join(directory, 'wild.key'), pair.key)
  await writeFile(join(directory, 'notes.txt'), 'no certificate')
  const { port } = await serve(t, { certificates: await openCertificates(t, directory) })
  const expected: Array<[asked: string | undefined, got: string]> = [
    ['a.test', 'a.test'],
    ['A.TEST', 'a.test'],
    ['x.wild.test', '*.wild.test'],
    ['other.test', '*.wild.test'],
    ['x.y.wild.test', 'fallback.test'],
    ['wild.test', 'fallback.test'],
    ['unknown.test', 'fallback.test'],
    [undefined, 'fallback.test'],
  ]
  for (const [servername, name] of expected) {
    const client = await openTls(t, port, servername === undefined ? {} : { servername })
    assert.equal(client.getPeerCertificate().subject.CN, name, `for ${servername}`)
    client.destroy()
  }
})

test('HTTP/2 is preferred, HTTP/1.1 is served to those who want it or name nothing, others are refused', async (t) => {
  const { port } = await serveLocal(t)
  for (const [ALPNProtocols, expected] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const) {
    const client = await openTls(t, port, ALPNProtocols ? { ALPNProtocols: [...ALPNProtocols] } : {})
    assert.equal(client.alpnProtocol, expected)
    if (expected !== 'h2') assert.match(await askOver(client), /^HTTP\/1\.1 200/)
    client.destroy()
  }
  await assert.rejects(openTls(t, port, { ALPNProtocols: ['spdy/3'] }), /no.application.protocol|alert/i)
})

test('versions before TLS 1.2 and weak ciphers are refused', async (t) => {
  const { port } = await serveLocal(t)
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await assert.rejects(openTls(t, port, old), /protocol version|unsupported|alert/i)
  await assert.rejects(openTls(t, port, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }), /handshake|no cipher/i)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const client = await openTls(t, port, { maxVersion })
    assert.equal(client.getProtocol(), maxVersion)
  }
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
  test(`a ticket of one process is good for another that has the same secret, and for no other (${maxVersion})`, async (t) => {
    const directory = await makeDirectory(t)
    await putPem(directory, 'a', ['a.test'])
    const servers = []
    for (const secret of ['same', 'same', 'other'])
      servers.push(
        await serve(t, { certificates: await openCertificates(t, directory), ticketSecret: Buffer.from(secret) }),
      )
    const [first, second, third] = servers.map(({ port }) => port) as [number, number, number]
    const client = await openTls(t, first, { servername: 'a.test', maxVersion })
    const session: Buffer = client.getSession() ?? Buffer.alloc(0)
    let ticket = session
    client.on('session', (newer: Buffer) => {
      ticket = newer
    })
    await askOver(client)
    client.destroy()
    const isReused = async (port: number) => {
      const again = await openTls(t, port, { servername: 'a.test', maxVersion, session: ticket })
      await askOver(again)
      return again.isSessionReused()
    }
    assert.equal(await isReused(second), true)
    assert.equal(await isReused(third), false)
  })

test('a new certificate is used for new connections, and open ones go on', async (t) => {
  const directory = await makeDirectory(t)
  await putPem(directory, 'a', ['a.test'])
  const { port, certificates } = await serve(t, { certificates: await openCertificates(t, directory) })
  const open = await openTls(t, port, { servername: 'a.test' })
  assert.match(await askOver(open), /^HTTP\/1\.1 200/)
  const before = open.getPeerCertificate().serialNumber
  let isChanged = false
  certificates.onChange(() => {
    isChanged = true
  })
  await putPem(directory, 'a', ['a.test'])
  await putPem(directory, 'b', ['b.test'])
  await waitUntil(() => isChanged && certificates.list.length === 2, { what: 'the new ones', timeoutMs: limitMs })
  for (const servername of ['a.test', 'b.test', '']) {
    const client = await openTls(t, port, servername === '' ? {} : { servername })
    assert.notEqual(client.getPeerCertificate().serialNumber, before, `for ${servername}`)
  }
  assert.match(await askOver(open), /^HTTP\/1\.1 200/)
})

test('a pair that cannot be used leaves the one before it in place, and is told once with the reason', async (t) => {
  const directory = await makeDirectory(t)
  const pair = await makePair(['a.test'])
  await writeFile(join(directory, 'a.crt'), pair.crt)
  await writeFile(join(directory, 'a.key'), pair.key)
  const troubles: string[] = []
  const certificates = await openCertificates(t, directory, troubles)
  const before = certificates.fallback
  const other = await makePair(['a.test'])
  t.after(() => rm(`${directory}.gone`, { recursive: true, force: true }))
  // Each change is whole when it is seen, so that there is one thing to tell.
  const put = async (name: string, text: string) => {
    await writeFile(join(directory, `${name}.new`), text)
    await rename(join(directory, `${name}.new`), join(directory, name))
  }
  const ways: Array<[write: () => Promise<void>, told: RegExp]> = [
    [() => put('a.key', other.key), /a\.crt with .*a\.key: .*another certificate.*stays in use/],
    [() => put('a.crt', 'nonsense'), /stays in use/],
    [() => unlink(join(directory, 'a.key')), /ENOENT.*stays in use/],
    [() => put('b.pem', 'x'.repeat(300_000)), /b\.pem is larger.*left out/],
    [() => rename(directory, `${directory}.gone`), /cannot be looked at/],
  ]
  for (const [write, told] of ways) {
    troubles.length = 0
    await write()
    await waitUntil(() => troubles.length > 0, { what: `${told}`, timeoutMs: limitMs })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(troubles.length, 1, troubles.join('\n'))
    assert.match(troubles[0] ?? '', told)
    assert.equal(certificates.fallback, before)
  }
  await mkdir(directory)
  await writeFile(join(directory, 'a.crt'), other.crt)
  await writeFile(join(directory, 'a.key'), other.key)
  await waitUntil(() => certificates.fallback !== before, { what: 'the mended pair', timeoutMs: limitMs })
})

test('a mounted secret that is changed by turning a link is seen', async (t) => {
  const root = await makeDirectory(t)
  for (const name of ['one', 'two']) {
    await mkdir(join(root, name))
    await putPem(join(root, name), 'tls', [`${name}.test`])
  }
  const directory = join(root, 'current')
  await symlink('one', directory)
  const certificates = await openCertificates(t, directory)
  assert.deepEqual(certificates.fallback.hosts, ['one.test'])
  await unlink(directory)
  await symlink('two', directory)
  await waitUntil(() => certificates.fallback.hosts[0] === 'two.test', { what: 'the other', timeoutMs: limitMs })
})

test('a directory without a usable certificate is an error that says what is looked for', async (t) => {
  const directory = await makeDirectory(t)
  await assert.rejects(Certificates.open(directory), (error) => isTenfoldError(error, 'bad-input'))
  await writeFile(join(directory, 'a.crt'), 'nonsense')
  await assert.rejects(Certificates.open(directory), /there is no certificate that can be used/)
})

test('a certificate that will soon expire is told of once, and one that has is used where there is no other', async (t) => {
  const directory = await makeDirectory(t)
  await putPem(directory, 'a', ['a.test'])
  for (const [days, told] of [
    [300, undefined],
    [390, /expires at .*renew it/],
    [400, /expired at .*used all the same/],
  ] as const) {
    const troubles: string[] = []
    const clock = { ...systemClock, now: () => Date.now() + days * 24 * 3_600_000 }
    const onTrouble = (message: string) => void troubles.push(message)
    const certificates = await Certificates.open(directory, { lookIntervalMs: 10, onTrouble, clock })
    await new Promise((resolve) => setTimeout(resolve, 50))
    certificates.close()
    assert.equal(troubles.length, told === undefined ? 0 : 1)
    if (told !== undefined) assert.match(troubles[0] ?? '', told)
  }
})

test('the local certificate is made once, is good for localhost, and its key is for nobody else', async (t) => {
  const directory = await makeDirectory(t)
  const paths = await Promise.all(
    Array.from({ length: 4 }, () => ensureLocalCertificate(directory, { hosts: ['app.test'] })),
  )
  assert.deepEqual(new Set(paths), new Set([join(directory, 'local.pem')]))
  const { mode, mtimeMs } = await stat(join(directory, 'local.pem'))
  assert.equal(mode & 0o777, 0o600)
  const certificates = await openCertificates(t, directory)
  const certificate = new X509Certificate(certificates.fallback.pems.cert)
  assert.ok(certificate.checkHost('localhost') && certificate.checkHost('app.test') && certificate.checkIP('127.0.0.1'))
  await ensureLocalCertificate(directory)
  assert.equal((await stat(join(directory, 'local.pem'))).mtimeMs, mtimeMs)
  const other = await makeDirectory(t)
  await putPem(other, 'real', ['real.test'])
  assert.equal(await ensureLocalCertificate(other), undefined)
})

test('a handshake that does not come, or is none, ends in time and leaves nothing', async (t) => {
  const counts = new Counters()
  const { port, server } = await serveLocal(t, { counts, limits: { headersTimeoutMs: 300 } })
  const sent = ['', get, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x16\x03\x01\xff\xff', '\x80\x2e\x01\x00\x02']
  const ended = sent.map(async (bytes) => {
    const socket = connectPlain(port, address)
    socket.on('error', () => socket.destroy())
    socket.resume()
    socket.write(Buffer.from(bytes, 'latin1'))
    await once(socket, 'close')
  })
  await Promise.all(ended)
  await waitUntil(() => server.connections === 0, { what: 'no connection', timeoutMs: limitMs })
  assert.equal(counts.get('openingsFailed'), sent.length)
  assert.equal(counts.get('requests'), 0)
})

test('hellos bent at random never harm others and leave nothing', async (t) => {
  const { port, server } = await serveLocal(t, { limits: { headersTimeoutMs: 500 } })
  const polite = await openTls(t, port, {})
  // From its first request on it may take its time.
  assert.match(await askOver(polite), /^HTTP\/1\.1 200/)
  const sound = await helloOf({ servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1'] })
  const bend = fc.tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 }))
  const bends = fc.sample(fc.tuple(fc.array(bend, { minLength: 1, maxLength: 4 }), fc.nat({ max: sound.length })), {
    numRuns: 200,
    seed: 8446,
  })
  for (const [places, cut] of bends) {
    const bytes = Buffer.from(sound)
    for (const [place, value] of places) bytes[place] = value
    const socket = connectPlain(port, address)
    socket.on('error', () => socket.destroy())
    socket.resume()
    socket.write(bytes.subarray(0, cut))
    setImmediate(() => socket.end(bytes.subarray(cut)))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  assert.match(await askOver(polite), /^HTTP\/1\.1 200/)
  await waitUntil(() => server.connections === 1, { what: 'only the polite one', timeoutMs: limitMs })
})

/** The first bytes of a client of node. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  const client = connect({ host: address, port: (server.address() as AddressInfo).port, ...options })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

async function openCertificates(t: TestContext, directory: string, troubles: string[] = []): Promise<Certificates> {
  const onTrouble = (message: string) => void troubles.push(message)
  const certificates = await Certificates.open(directory, { lookIntervalMs: 20, onTrouble })
  t.after(() => certificates.close())
  return certificates
}

async function serve(t: TestContext, tls: TlsOptions, options: HttpServerOptions = {}) {
  const handler = { handle: (exchange: Exchange) => exchange.answerWhole(200, '', Buffer.from('ok')) }
  const server = new HttpServer(handler, options)
  await server.listen({ address, port: 0 }, { tls })
  t.after(() => server.drain(0))
  return { port: server.address()?.port ?? 0, server, certificates: tls.certificates }
}

async function serveLocal(t: TestContext, options: HttpServerOptions = {}) {
  const directory = await makeDirectory(t)
  await putPem(directory, 'a', ['a.test'])
  return serve(t, { certificates: await openCertificates(t, directory) }, options)
}

async function openTls(t: TestContext, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const client = connect({ host: address, port, rejectUnauthorized: false, ...options })
  t.after(() => client.destroy())
  await once(client, 'secureConnect')
  client.on('error', () => client.destroy())
  return client
}

function askOver(client: TLSSocket): Promise<string> {
  client.write(get)
  return new Promise((resolve, reject) => {
    client.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1')))
    client.once('close', () => reject(new Error('closed without an answer')))
  })
}
