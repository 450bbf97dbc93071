// Malformed requests: none may end the balancer, and none may reach a server in a form that two readers could
// understand differently. The corpus follows the classes of RFC 9112, http-garden's list of found bugs and llhttp's tests.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { refusedTrophies, soundTrophies } from '../../../net/http1/testing/trophies.ts'
import type { Balancer } from '../contract.ts'
import { askRaw, listening, type OpenBalancer, upstreamsOf } from './bench.ts'
import type { Capability } from './capabilities.ts'
import { readStrictly } from './strict-reader.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const hex = '0'.repeat(17)

/** Each of these is refused: 4xx or 5xx, the connection closed, and no server asked. */
const refused: Record<string, string> = {
  'Content-Length and Transfer-Encoding': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'Transfer-Encoding and Content-Length': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
  'two Content-Lengths': post('Content-Length: 5\r\nContent-Length: 6\r\n', '12345'),
  'two equal Content-Lengths': post('Content-Length: 5\r\nContent-Length: 5\r\n', '12345'),
  'a list of Content-Lengths': post('Content-Length: 5, 5\r\n', '12345'),
  'a signed Content-Length': post('Content-Length: +5\r\n', '12345'),
  'a negative Content-Length': post('Content-Length: -5\r\n', '12345'),
  'a hexadecimal Content-Length': post('Content-Length: 0x5\r\n', '12345'),
  'an empty Content-Length': post('Content-Length: \r\n', ''),
  'a Content-Length with a space': post('Content-Length: 1 2\r\n', '12345'),
  'an endless Content-Length': post('Content-Length: 99999999999999999999\r\n', '1'),
  'a list that ends in chunked': post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
  'a list that begins with a comma': post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n'),
  'identity before chunked': post('Transfer-Encoding: identity,chunked\r\n', '0\r\n\r\n'),
  'an unknown coding': post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
  'chunked before another coding': post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n'),
  'two Transfer-Encodings': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'a quoted coding': post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n'),
  'chunked with a vertical tab': post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
  'Transfer-Encoding in HTTP/1.0': 'POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'no Host': 'GET / HTTP/1.1\r\nX: y\r\n\r\n',
  'two Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'two equal Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
  'an empty Host': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
  'a Host with a path': 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
  'a Host with a user': 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n',
  'a Host list': 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n',
  'a space before the colon': get('X : y\r\n'),
  'a name with a space': get('X Y: z\r\n'),
  'a name that is no token': get('X(Y): z\r\n'),
  'an empty name': get(': z\r\n'),
  'a line without a colon': get('nonsense\r\n'),
  'a folded line at the start': 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
  'a NUL in a value': get('X: a\0b\r\n'),
  'a NUL in a name': get('X\0: b\r\n'),
  'a NUL in the target': 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n',
  'a bare CR in a value': get('X: a\rY: b\r\n'),
  'a control character in a value': get('X: a\x01b\r\n'),
  'a version of its own': 'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
  'a version of two digits': 'GET / HTTP/1.10\r\nHost: a\r\n\r\n',
  'a version in small letters': 'GET / http/1.1\r\nHost: a\r\n\r\n',
  'no version': 'GET /\r\nHost: a\r\n\r\n',
  'a space in the target': 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n',
  'a target without a slash': 'GET a HTTP/1.1\r\nHost: a\r\n\r\n',
  'a target with a fragment': 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n',
  'an absolute target with a user': 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'bytes above ASCII in the target': 'GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n',
  'an asterisk target': 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  TRACE: 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n',
  'a method that is no token': 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n',
  'headers beyond the limit': get(`X: ${'x'.repeat(20_000)}\r\n`),
  'many headers beyond the limit': get('X: yyyyyyyy\r\n'.repeat(3000)),
  'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
}

/** What a server sees of these must be whole and strict, if it sees anything; the broken ones end as no message. */
const cleaned: Record<string, string> = {
  'an obsolete fold': get('X: a\r\n b\r\n'),
  'lines ending in LF alone': 'GET / HTTP/1.1\nHost: a\n\n',
  'a chunk extension': chunked('5;a=b\r\n12345\r\n0\r\n\r\n'),
  'a trailer': chunked('5\r\n12345\r\n0\r\nX-Trailer: 1\r\n\r\n'),
  'a framing header as trailer': chunked('0\r\nContent-Length: 5\r\n\r\n'),
  'a chunk size that is no number': chunked('z\r\n12345\r\n0\r\n\r\n'),
  'a negative chunk size': chunked('-5\r\n12345\r\n0\r\n\r\n'),
  'a chunk size with 0x': chunked('0x5\r\n12345\r\n0\r\n\r\n'),
  'a chunk size of 18 digits': chunked(`${hex}5\r\n12345\r\n0\r\n\r\n`),
  'a chunk size that overflows': chunked('fffffffffffffffff\r\n12345\r\n0\r\n\r\n'),
  'a chunk size with a space': chunked('5 \r\n12345\r\n0\r\n\r\n'),
  'a chunk longer than its size': chunked('3\r\n12345\r\n0\r\n\r\n'),
  'a chunk size line ending in LF': chunked('5\n12345\r\n0\r\n\r\n'),
  'a bare CR in a chunk extension': chunked('5;a\rb\r\n12345\r\n0\r\n\r\n'),
  'a request behind the body': `${post('Content-Length: 5\r\n', '12345')}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
  'a request behind a GET body': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345',
  'an absolute target': 'GET http://other/x HTTP/1.1\r\nHost: a\r\n\r\n',
  'a hop-by-hop Host': get('Connection: Host, Content-Length\r\n'),
  'an upgrade to h2c': get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n'),
  'garbage behind the request': `${get('')}garbage\r\n\r\n`,
  'two spaces in the first line': 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
  'blank lines before the request': `\r\n\r\n${get('')}`,
  ...bytesOf(refusedTrophies),
  ...bytesOf(soundTrophies),
}

export function framingSuite(
  engine: string,
  open: OpenBalancer,
  { lacks = [], mends = [] }: { lacks?: readonly Capability[]; mends?: readonly string[] } = {},
): void {
  const promise = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}: ${name}`, run)

  promise(
    `each of ${Object.keys(refused).length} malformed requests is refused, and no server sees any of it`,
    async (t) => {
      const { port, seen, forget } = await openRecorder(t, open)
      for (const [what, bytes] of Object.entries(refused)) {
        const text = await askRaw(port, bytes, isAnswered)
        if (mends.includes(what)) {
          for (const stream of seen()) assert.deepEqual(readStrictly(stream).problems, [], `${what}:\n${stream}`)
          forget()
          continue
        }
        // A reset behind the refusal may overtake it, under what the client is still sending.
        const isOvertaken = text === '' && /beyond the limit/.test(what) && lacks.includes('refusals-arrive')
        const isAnnounced = what !== 'an HTTP/2 preface' || !lacks.includes('preface-ends')
        if (!isOvertaken) assert.match(text, /^HTTP\/1.1 (4\d\d|50[15]) /, what)
        if (!isOvertaken && isAnnounced) assert.match(text, /connection: close/i, what)
        assert.equal(seen().length, 0, `${what} reached a server:\n${seen()}`)
      }
      assert.match(await askRaw(port, get(''), isAnswered), /^HTTP\/1.1 200/)
    },
  )

  promise(`of ${Object.keys(cleaned).length} doubtful requests a server sees strict messages or nothing`, async (t) => {
    const { port, seen, forget } = await openRecorder(t, open)
    for (const [what, bytes] of Object.entries(cleaned)) {
      if (lacks.includes('trailers-end') && /trailer/.test(what)) continue
      await askRaw(port, bytes, isAnswered)
      for (const stream of seen()) assert.deepEqual(readStrictly(stream).problems, [], `${what}:\n${stream}`)
      forget()
    }
    assert.match(await askRaw(port, get(''), isAnswered), /^HTTP\/1.1 200/)
  })

  promise('headers that never end do not hold a connection, and bytes cut anywhere do no harm', async (t) => {
    const { port, seen } = await openRecorder(t, open)
    const whole = chunked('5\r\n12345\r\n0\r\n\r\n')
    const cuts = Array.from({ length: 20 }, (_, i) => Math.ceil(((i + 1) * (whole.length - 1)) / 20))
    const answers = await Promise.all(cuts.map((cut) => askRaw(port, whole.slice(0, cut))))
    const refusal = lacks.includes('bodies-awaited') ? /^(HTTP\/1.1 (4\d\d|504) |$)/ : /^(HTTP\/1.1 4\d\d |$)/
    for (const text of answers) assert.match(text, refusal)
    for (const stream of seen()) assert.deepEqual(readStrictly(stream, { mayBeCut: true }).problems, [])
    assert.match(await askRaw(port, get(''), isAnswered), /^HTTP\/1.1 200/)
  })

  promise('bytes changed at random never reach a server as anything but strict messages', async (t) => {
    const { port, seen, balancer } = await openRecorder(t, open)
    const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
    t.diagnostic(`FUZZ_SEED=${seed}`)
    const starts = [get('X: y\r\n'), post('Content-Length: 5\r\n', '12345'), chunked('5\r\n12345\r\n0\r\n\r\n')]
    const splice = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(3),
      put: fc.oneof(
        fc.constantFrom('\r', '\n', '\r\n', '\r\n\r\n', '\0', ' ', '\t', ':', ';', ',', '0', 'chunked', '\xff'),
        fc.constantFrom('Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', 'Connection: x\r\n'),
        fc.string({ unit: 'binary-ascii', maxLength: 3 }),
      ),
    })
    const mutant = fc
      .tuple(fc.constantFrom(...starts), fc.array(splice, { minLength: 1, maxLength: 4 }))
      .map(([start, splices]) => splices.reduce(mutate, start))
    const batches = fc.asyncProperty(fc.array(mutant, { minLength: 30, maxLength: 30 }), async (requests) => {
      await Promise.all(requests.map((bytes) => askRaw(port, bytes, isAnswered)))
      for (const stream of seen()) assert.deepEqual(readStrictly(stream, { mayBeCut: true }).problems, [], stream)
      assert.match(await askRaw(port, get(''), isAnswered), /^HTTP\/1.1 200/)
    })
    await fc.assert(batches, { seed, numRuns: 50, interruptAfterTimeLimit: 10_000, endOnFailure: true })
    assert.ok(
      seen().some((stream) => readStrictly(stream).messages > 0),
      'no mutant reached the server',
    )
    assert.equal(balancer.health()[0]?.isUp, true)
  })
}

function mutate(text: string, { at, cut, put }: { at: number; cut: number; put: string }): string {
  const index = Math.floor(at * text.length)
  return text.slice(0, index) + put + text.slice(index + cut)
}

/** A server that keeps the bytes of each connection and answers every head; health checks are not kept. */
async function openRecorder(
  t: TestContext,
  open: OpenBalancer,
): Promise<{ balancer: Balancer; port: number; seen(): string[]; forget(): void }> {
  const streams: Array<{ text: string }> = []
  const server = createServer((socket) => {
    const stream = { text: '' }
    streams.push(stream)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      stream.text += chunk.toString('latin1')
      // One answer for each message that is whole by now.
      const { messages } = readStrictly(stream.text)
      while ((answered.get(stream) ?? 0) < messages) {
        answered.set(stream, (answered.get(stream) ?? 0) + 1)
        socket.write(ok)
      }
    })
  })
  const answered = new Map<object, number>()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: serverPort } = server.address() as { port: number }
  t.after(() => server.close())
  const { balancer, port } = await listening(
    t,
    open,
    upstreamsOf([{ name: 'recorder', port: serverPort }], { fall: 100 }),
  )
  const seen = () => streams.map(({ text }) => text).filter((text) => text !== '' && !text.startsWith('GET /ready '))
  const forget = () => {
    for (const stream of streams) {
      stream.text = ''
      answered.delete(stream)
    }
  }
  return { balancer, port, seen, forget }
}

function bytesOf(trophies: Record<string, { bytes: string }>): Record<string, string> {
  return Object.fromEntries(Object.entries(trophies).map(([what, { bytes }]) => [what, bytes]))
}

function isAnswered(text: string): boolean {
  return /^HTTP\/1.1 [2-5]\d\d .*\r\n\r\n/s.test(text)
}

function get(headers: string): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
}

function post(headers: string, body: string): string {
  return `POST /echo HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`
}

function chunked(body: string): string {
  return post('Transfer-Encoding: chunked\r\n', body)
}
