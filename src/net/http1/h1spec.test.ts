// The conformance suite of HTTP/1.1 (github.com/uNetworking/h1spec) against this server, where H1SPEC names its http_test.ts. It is
// written for Deno; of that it uses three things, which are given to it here.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { HttpServer } from '../server/http-server.ts'
import type { Exchange } from './exchange.ts'
import { address } from './testing/front.ts'

const suite = process.env['H1SPEC']
const testsMin = 33

const deno = `
import { connect } from 'node:net'
globalThis.Deno = {
  args: process.argv.slice(2),
  exit: process.exit,
  async connect({ hostname, port }) {
    const socket = connect({ host: hostname, port, noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return {
      write: async (bytes) => socket.write(bytes),
      close: () => socket.destroy(),
      // It reads once and compares the whole answer, "should ideally wait 100ms to make sure it got the response in full".
      async read(into) {
        const parts = []
        socket.on('data', (bytes) => parts.push(bytes))
        await new Promise((resolve, reject) => socket.once('data', resolve).once('end', resolve).once('error', reject))
        await new Promise((resolve) => setTimeout(resolve, 100))
        return Buffer.concat(parts).copy(into)
      },
    }
  },
}`

test('h1spec finds nothing', { skip: suite === undefined && 'H1SPEC does not name the suite' }, async (t) => {
  const server = new HttpServer({ handle: echo })
  await server.listen({ address, port: 0 })
  t.after(() => server.drain(0))
  const shim = `data:text/javascript,${encodeURIComponent(deno)}`
  const words = ['--import', shim, suite as string, address, String(server.address()?.port)]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { timeout: 60_000 }).catch(
    (failure: { stdout: string; stderr: string }) => failure, // its exit code says that one failed
  )
  const [, passed, of] = /(\d+) out of (\d+) tests passed/.exec(stdout) ?? []
  assert.ok(Number(of) >= testsMin, `${of} tests were run: ${stderr}`)
  assert.equal(passed, of, `${stdout}\n${stderr}`)
})

/** As the suite asks: whatever body comes, under any method. */
function echo(exchange: Exchange): void {
  const chunks: Buffer[] = []
  const send = () => exchange.answerWhole(200, 'content-type: text/plain\r\n', Buffer.concat(chunks))
  if (!exchange.request.hasBody) {
    send()
    return
  }
  const nothing = () => {}
  exchange.attach({
    ...{ onBodyPause: nothing, onDrain: nothing, onClientGone: nothing },
    onBody: (bytes, start, end) => chunks.push(Buffer.from(bytes.subarray(start, end))),
    onBodyEnd: send,
  })
  exchange.startBody()
}
