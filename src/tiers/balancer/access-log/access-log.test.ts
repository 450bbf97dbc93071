// The access log as a whole: nobody waits for it, nothing grows without a bound, and files can be rotated.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { ManualClock } from '../../../base/clock.ts'
import { waitUntil } from '../../../base/limits.ts'
import { openNodeBalancer } from '../engines/node/engine.ts'
import { ask, listening, upstreamsOf } from '../testing/bench.ts'
import { openUpstreamServer } from '../testing/upstream-server.ts'
import { AccessLog, openAccessLog } from './access-log.ts'
import type { AccessLogFormat } from './formats.ts'

const limitMs = 10_000

test('each request is a line that says who answered, how often it was tried, and what it was', async (t) => {
  const { file, port } = await openLogged(t, 'json')
  await ask(port, '/bytes/300', { headers: { 'User-Agent': 'a "b"', Referer: 'http://x/' } })
  await ask(port, '/reset')
  await ask(port, '/status/404', { method: 'HEAD' })
  const lines = await linesOf(file, 3)
  const [first, second, third] = lines.map((line) => JSON.parse(line))
  assert.deepEqual(
    [first.method, first.path, first.status, first.bodyBytes, first.server, first.attempts, first.userAgent],
    ['GET', '/bytes/300', 200, 300, 'a', 1, 'a "b"'],
  )
  assert.deepEqual([first.client, first.referer, first.protocol], ['127.0.0.1', 'http://x/', 'HTTP/1.1'])
  assert.ok(first.durationMs > 0 && first.requestId.length > 10)
  assert.deepEqual([second.status, second.attempts], [502, 1])
  assert.deepEqual([third.method, third.status, third.bodyBytes], ['HEAD', 404, 0])
  assert.equal((await stat(file)).mode & 0o777, 0o640)
})

test('a request that was refused by the balancer, and one whose client went away, are logged too', async (t) => {
  const { file, port } = await openLogged(t, 'combined', { bodyBytesMax: 10 })
  await ask(port, '/echo', { method: 'POST', body: 'x'.repeat(100) })
  const gone = ask(port, '/hang', { timeout: 100 }).catch(() => {})
  await gone
  const lines = await linesOf(file, 2)
  assert.match(lines[0] ?? '', /"POST \/echo HTTP\/1.1" 413 \d+ "-" "-"$/)
  assert.match(lines[1] ?? '', /"GET \/hang HTTP\/1.1" 499 - "-" "-"$/)
})

test('a log that was moved away is begun anew, without a line lost', async (t) => {
  const { file, port } = await openLogged(t, 'common')
  await ask(port, '/bytes/1')
  await linesOf(file, 1)
  await rename(file, `${file}.1`)
  await setTimeout(1100) // it is looked at once a second
  await ask(port, '/bytes/2')
  assert.match((await linesOf(file, 1))[0] ?? '', /"GET \/bytes\/2 /)
  assert.match(await readFile(`${file}.1`, 'utf8'), /^[^\n]+"GET \/bytes\/1 [^\n]+\n$/)
})

test('a disk that takes nothing costs lines, which are counted, and no memory beyond a bound', async () => {
  let isStuck = true
  const written: string[] = []
  const stuck = async (text: string) => {
    while (isStuck) await setTimeout(5)
    written.push(text)
  }
  const log = new AccessLog(
    { write: stuck, close: async () => {} },
    { format: 'common', waitingCharsMax: 10_000, clock },
  )
  for (let i = 0; i < 1000; i++) log.add(finished)
  const { length } = lineText
  const room = Math.floor(10_000 / length)
  assert.equal(log.dropped, 1000 - room)
  isStuck = false
  await log.close()
  assert.equal(written.join('').split('\n').length - 1, room)
  log.add(finished)
  assert.equal(log.dropped, 1000 - room + 1, 'after the end')
})

test('a write that fails costs its lines, and the next one begins a line of its own', async () => {
  const written: string[] = []
  let isFull = true
  const sink = {
    async write(text: string) {
      if (isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      written.push(text)
    },
    close: async () => {},
  }
  const log = new AccessLog(sink, { format: 'common', flushMs: 1, clock })
  log.add(finished)
  log.add(finished)
  await waitUntil(() => log.dropped === 2, { what: 'the failed write', timeoutMs: limitMs })
  isFull = false
  log.add(finished)
  await log.close()
  await log.close()
  assert.deepEqual(written, [`\n${lineText}`])
})

const head = { method: 'GET', path: '/', minorVersion: 1, host: 'a', find: () => -1 }
const finished = {
  ...{ status: 200, durationMs: 1, bodyBytesOut: 5 },
  exchange: {
    request: head,
    origin: { address: '1.2.3.4' },
    notes: { server: '', attempts: 0, cache: '' },
    requestId: 'r',
  },
} as unknown as Parameters<AccessLog['add']>[0]
const lineText = '1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 5\n'
const clock = new ManualClock(Date.UTC(2000, 9, 10, 13, 55, 36))

async function openLogged(t: TestContext, format: AccessLogFormat, over: Parameters<typeof upstreamsOf>[1] = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-access-log-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'access.log')
  const server = await openUpstreamServer('a')
  t.after(() => server.close())
  const accessLog = await openAccessLog({ file, format, flushMs: 10 })
  const open = async (upstreams: ReturnType<typeof upstreamsOf>) => openNodeBalancer(upstreams, { accessLog })
  return { file, ...(await listening(t, open, upstreamsOf([server], over))) }
}

function linesOf(file: string, count: number): Promise<string[]> {
  const whole = async () => {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1)
    return lines.length >= count && lines
  }
  return waitUntil(whole, { what: `${count} lines`, timeoutMs: limitMs })
}
