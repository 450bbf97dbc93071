// The conformance suite of HTTP/2 (github.com/summerwind/h2spec) against this server over TLS, where the program `h2spec` is
// on the path or named by H2SPEC. What it finds must be what is listed here with its reason (docs/reference/h2spec.md).

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Exchange, ExchangeSink } from '../http1/exchange.ts'
import { address } from '../http1/testing/front.ts'
import { HttpServer } from '../server/http-server.ts'
import { Certificates } from '../tls/certificates.ts'
import { makeDirectory, putPem } from '../tls/testing/certificates.ts'

const program = process.env['H2SPEC'] ?? 'h2spec'
const version = await promisify(execFile)(program, ['--version']).catch(() => undefined)
const skip = version === undefined && 'h2spec is not installed'
const testsMin = 146

const notPassed: Record<string, string> = {
  'http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream':
    'node ends the whole connection, where a reset of the stream would do (RFC 9113, 6.9.1)',
}

test('h2spec finds nothing but what is listed', { skip }, async (t) => {
  const directory = await makeDirectory(t)
  await putPem(directory, 'a', ['a.test'])
  const certificates = await Certificates.open(directory)
  t.after(() => certificates.close())
  const server = new HttpServer({ handle: answer })
  await server.listen({ address, port: 0 }, { tls: { certificates } })
  t.after(() => server.drain(0))
  const folder = await mkdtemp(join(tmpdir(), 'tenfold-h2spec-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const report = join(folder, 'report.xml')
  const to = ['-h', address, '-p', String(server.address()?.port), '-t', '-k', '-o', '2', '-j', report]
  await promisify(execFile)(program, to, { timeout: 120_000 }).catch(() => {}) // its exit code says that one failed
  const cases = (await readFile(report, 'utf8')).matchAll(
    /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(?:\s*<(failure|error))?/g,
  )
  const found = Array.from(cases, ([, part, what, isBad]) => ({ what: `${part}: ${what}`, isBad: isBad !== undefined }))
  assert.ok(found.length >= testsMin, `${found.length} tests were run`)
  assert.deepEqual(
    found.filter(({ isBad }) => isBad).map(({ what }) => what),
    Object.keys(notPassed),
  )
})

/** Takes the body first, where there is one: some of its tests go on after the answer otherwise. */
function answer(exchange: Exchange): void {
  const body = Buffer.alloc(1024, 'x')
  const send = () => exchange.answerWhole(200, 'content-type: text/plain\r\n', body)
  if (!exchange.request.hasBody) {
    send()
    return
  }
  const nothing = () => {}
  const sink: ExchangeSink = {
    ...{ onBody: nothing, onBodyPause: nothing, onDrain: nothing, onClientGone: nothing },
    onBodyEnd: send,
  }
  exchange.attach(sink)
  exchange.startBody()
}
