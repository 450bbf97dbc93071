// The same bytes through this engine and through node:http + undici, a slow engine for tests: where one refuses and the other
// does not, or what a server sees of a request differs, the difference stands below with its reason, or the test fails.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Balancer } from '../../tiers/balancer/contract.ts'
import { openNodeBalancer } from '../../tiers/balancer/engines/node/engine.ts'
import { askRaw, listening, upstreamsOf } from '../../tiers/balancer/testing/bench.ts'
import { openOracle } from '../../tiers/balancer/testing/oracle/engine.ts'
import { readStrictly } from '../../tiers/balancer/testing/strict-reader.ts'
import { okAnswer, openRawServer } from './testing/front.ts'
import { chunked, get, malformedChunks, malformedHeads, post } from './testing/malformed.ts'

const sound: Record<string, string> = {
  'a GET': get('Accept: a/b\r\nX: y\r\nCookie: a=b\r\n'),
  'a GET with a query': get('', '/x?a=1&b=%20;c'),
  'two fields of one name': get('X: 1\r\nX: 2\r\nx: 3\r\n'),
  'an empty value': get('X:\r\n'),
  'bytes above ASCII in a value': get('X: \xe4\xff\r\n'),
  'spaces around a value': get('X: \t y \t \r\n'),
  'a POST with a length': post('Content-Length: 5\r\nContent-Type: text/plain\r\n', '12345'),
  'a POST with length 0': post('Content-Length: 0\r\n', ''),
  'a POST without a body': post('', ''),
  'a POST in chunks': chunked('3\r\n123\r\n2\r\n45\r\n0\r\n\r\n'),
  'a PUT': 'PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx',
  'a DELETE': 'DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS of a path': 'OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n',
  'an absolute target': 'GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n',
  'an absolute target without a path': 'GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n',
  'an absolute target in capitals': 'GET HTTP://b/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'an IPv6 host': 'GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
  'hop-by-hop fields': get(
    'Connection: close, X-A\r\nX-A: 1\r\nKeep-Alive: timeout=1\r\nTE: trailers\r\nProxy-Connection: x\r\n',
  ),
  'forwarded fields': get(
    'X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Port: 1\r\n',
  ),
  'names with an underscore': get('X_Y: 1\r\n'),
  'a request id': get('X-Request-Id: abc\r\n'),
  'a body behind a GET': `${get('Content-Length: 3\r\n')}abc`,
  'chunk extensions': chunked('3;a=b\r\n123\r\n0;c\r\n\r\n'),
  trailers: chunked('3\r\n123\r\n0\r\nX: y\r\n\r\n'),
  'a blank line before': `\r\n${get('')}`,
  'an upgrade to h2c': get('Connection: Upgrade\r\nUpgrade: h2c\r\n'),
  'an Expect of another kind': post('Content-Length: 1\r\nExpect: x\r\n', '1'),
  'an Authorization that Connection names': get('Connection: Authorization\r\nAuthorization: a\r\n'),
}

/** Where this engine and the other one differ, and why it is right that they do. */
const differences: Record<string, string> = {
  'two spaces before the target': 'RFC 9112, 3 has one space; readers that split at the first see an empty target',
  'two spaces behind the target': 'the same',
  'a blank line of LF before the request':
    'no bare LF is a line end here, anywhere (RFC 9112, 2.2 lets servers choose)',
  'five blank lines before the request': 'bounded; node reads as many as come',
  'chunks: a size of 17 digits': 'bounded at 16 digits, as front ends do; llhttp counts only the value',
  'an Authorization that Connection names': 'a client must not take its credentials away from servers behind us',
}

const corpus: Record<string, string> = {
  ...sound,
  ...Object.fromEntries(Object.entries(malformedHeads).map(([what, [bytes]]) => [what, bytes])),
  ...Object.fromEntries(Object.entries(malformedChunks).map(([what, [bytes]]) => [`chunks: ${what}`, chunked(bytes)])),
}

test(`${Object.keys(corpus).length} requests mean the same to this engine and to the slow one, but for the differences listed`, async (t) => {
  const ours = await openEngine(t, async (upstreams) =>
    openNodeBalancer(upstreams, { server: { headersTimeoutMs: 300, bodyIdleTimeoutMs: 300 } }),
  )
  const theirs = await openEngine(t, async (upstreams) =>
    openOracle(upstreams, {
      server: { headersTimeoutMs: 300, requestTimeoutMs: 600, checkIntervalMs: 50 },
    }),
  )
  const found: Record<string, [ours: unknown, theirs: unknown]> = {}
  for (const [what, bytes] of Object.entries(corpus)) {
    const [one, other] = [await ours(bytes), await theirs(bytes)]
    if (JSON.stringify(one) !== JSON.stringify(other)) found[what] = [one, other]
  }
  const unlisted = Object.entries(found).filter(([what]) => !(what in differences))
  assert.deepEqual(unlisted, [], 'differences without a reason')
  assert.deepEqual(
    Object.keys(differences).filter((what) => !(what in found)),
    [],
    'differences that are none',
  )
})

/** What becomes of a request: refused, or what the server saw of it. */
async function openEngine(t: TestContext, open: (upstreams: ReturnType<typeof upstreamsOf>) => Promise<Balancer>) {
  const server = await openRawServer(t, (socket, text) => {
    if (readStrictly(text).messages === 0) return undefined
    socket.write(okAnswer)
    return true
  })
  const upstreams = upstreamsOf([{ name: 'recorder', port: server.port }], { fall: 1000, healthIntervalMs: 60_000 })
  const { port } = await listening(t, open, upstreams)
  return async (bytes: string) => {
    const before = server.streams.map((stream) => stream.length)
    const answer = await askRaw(port, bytes, (text) => /^HTTP\/1.1 [2-5]\d\d .*\r\n\r\n/s.test(text))
    const seen = server.streams.map((stream, i) => stream.slice(before[i] ?? 0)).join('')
    const isTaken = answer.startsWith('HTTP/1.1 200')
    return isTaken ? understood(seen) : 'refused'
  }
}

/** Without what engines may write as they like: order and spelling of fields, their own id, the framing of the body. */
function understood(message: string) {
  const end = message.indexOf('\r\n\r\n')
  const [first, ...lines] = message.slice(0, end).split('\r\n')
  const own = new Set(['connection', 'x-request-id', 'content-length', 'transfer-encoding'])
  const fields = lines
    .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const)
    .filter(([name]) => !own.has(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
  const rest = message.slice(end + 4)
  const isChunked = /^transfer-encoding/im.test(message.slice(0, end))
  const body = isChunked ? rest.replaceAll(/([0-9a-f]+)\r\n(.*?)\r\n(?=[0-9a-f]+\r\n)|0\r\n\r\n$/gis, '$2') : rest
  return { first, fields, body }
}
