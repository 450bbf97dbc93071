// Bodies on disk and compressed variants, as clients see them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { waitUntil } from '../../base/limits.ts'
import type { EdgeSettings } from './contract.ts'
import { storeBounds } from './edge.ts'
import { openStore } from './store/store.ts'
import { openEdgeFront, openOrigin, settings } from './testing/edge-front.ts'

const timeoutMs = 10_000
const megabyte = 2 ** 20

/** Small memory, so that bodies are on disk only. */
async function openOnDisk(t: TestContext, own: Partial<EdgeSettings> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'edge-'))
  const all = {
    ...settings,
    memoryBytesMax: 4 * megabyte,
    diskBytesMax: 512 * megabyte,
    objectBytesMax: 64 * megabyte,
    ...own,
  }
  const body = Buffer.alloc(8 * megabyte, 'abcdefghijklmnopqrstuvwxyz0123456789')
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=100', etag: '"v"', 'content-length': body.length }).end(body)
  })
  const store = await openStore(storeBounds(all), { directory })
  const front = await openEdgeFront(t, origin, { settings: all, options: { store } })
  t.after(() => rm(directory, { recursive: true, force: true }))
  return { origin, body, directory, ...front }
}

test('a body larger than memory has room for is kept on disk, and given from there whole, in part, and as a head', async (t) => {
  const { origin, body, get, edge } = await openOnDisk(t)
  const answers = await Promise.all([get('/a'), get('/a'), get('/a')])
  for (const { text } of answers) assert.equal(text.length, body.length)
  const { diskBytes } = edge.report()
  assert.ok(diskBytes >= body.length, `${diskBytes} bytes on disk`)
  const hit = await get('/a')
  assert.match(hit.cache, /^hit/)
  assert.ok(Buffer.from(hit.text).equals(body))
  const range = 'bytes=3000000-3000009'
  assert.equal((await get('/a', { headers: { range } })).text, body.toString('latin1', 3_000_000, 3_000_010))
  assert.equal((await get('/a', { method: 'HEAD' })).headers['content-length'], `${body.length}`)
  assert.equal((await get('/a', { headers: { 'if-none-match': '"v"' } })).status, 304)
  assert.equal(origin.seen.length, 1)
})

test('a client that reads from disk and goes away holds nothing', async (t) => {
  const { get, port } = await openOnDisk(t)
  await get('/a', { headers: { host: 'a' } })
  for (let i = 0; i < 10; i++) {
    const client = connect(port, '127.0.0.1')
    client.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    await new Promise((resolve) => client.once('data', resolve))
    client.destroy()
  }
  assert.match((await get('/a', { headers: { host: 'a' } })).cache, /^hit/)
})

test('a file that was damaged is not given: the server is asked again', async (t) => {
  const { origin, body, directory, get } = await openOnDisk(t)
  await get('/a')
  const path = await waitUntil(
    async () => (await readdir(directory, { recursive: true })).find((name) => name.endsWith('.object')),
    { what: 'the file', timeoutMs },
  )
  await writeFile(join(directory, path), 'not what it was')
  const answer = await get('/a')
  assert.deepEqual([answer.status, answer.text.length, origin.seen.length], [200, body.length, 2])
})

test('what is given stale from disk is still the same request when it is out', async (t) => {
  const { origin, get, port, finished } = await openOnDisk(t)
  await get('/a', { headers: { host: 'a' } })
  origin.clock.shiftMs += 110_000
  origin.answer = (_request, response) => response.writeHead(503).end()
  assert.equal((await get('/a', { headers: { host: 'a' } })).status, 200)
  const targets = ['/b', '/b', '/a', '/b', '/b']
  const clients = targets.map(() => connect(port, '127.0.0.1'))
  const ask = (client: Socket, target: string, last: string) =>
    client.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nX-For: ${target}\r\nConnection: ${last}\r\n\r\n`)
  // The first bytes of a connection are looked at in another way.
  for (const client of clients) {
    ask(client, '/b', 'keep-alive')
    await once(client, 'data')
    client.resume()
  }
  const logged: string[] = []
  finished.push = ({ exchange: { request: head } }) => logged.push(`${head.path} ${head.value(head.find('x-for'))}`)
  for (const [i, client] of clients.entries()) ask(client, targets[i] as string, 'close')
  await Promise.all(clients.map((client) => once(client, 'close')))
  assert.deepEqual(logged.sort(), ['/a /a', '/b /b', '/b /b', '/b /b', '/b /b'])
})

test('text is compressed for those who take it, and lives and dies with what it was made of', async (t) => {
  let version = 1
  const textOf = () => `version ${version} `.repeat(2000)
  const origin = await openOrigin(t, (incoming, response) => {
    const etag = `"v${version}"`
    response.writeHead(incoming.headers['if-none-match']?.includes(etag) ? 304 : 200, {
      ...{ 'cache-control': 'max-age=100', 'content-type': 'text/css', 'cache-tag': 'css', etag },
    })
    response.end(textOf())
  })
  const { get, port, edge, clock } = await openEdgeFront(t, origin, { settings: { compresses: true } })
  const ask = async (codings: string) => {
    const answer = await request(`http://127.0.0.1:${port}/a`, { headers: { 'accept-encoding': codings } })
    const body = Buffer.from(await answer.body.arrayBuffer())
    return {
      encoding: answer.headers['content-encoding'],
      etag: answer.headers['etag'],
      vary: answer.headers['vary'],
      body,
    }
  }
  const until = async (codings: string, encoding: string) => {
    await waitUntil(async () => (await ask(codings)).encoding === encoding, {
      what: `${encoding} of ${codings}`,
      timeoutMs,
    })
    return ask(codings)
  }
  assert.equal((await ask('gzip, br')).encoding, undefined)
  const brotli = await until('gzip, br', 'br')
  assert.deepEqual([brotli.etag, brotli.vary], ['W/"v1"', 'Accept-Encoding'])
  assert.equal(brotliDecompressSync(brotli.body).toString(), textOf())
  assert.equal(gunzipSync((await until('gzip', 'gzip')).body).toString(), textOf())
  const plain = await ask('identity')
  assert.deepEqual([plain.encoding, plain.etag, plain.vary], [undefined, '"v1"', 'Accept-Encoding'])
  assert.equal(edge.report().objects, 3)
  assert.equal(origin.seen.length, 1)
  // Confirmed: all of them are fresh again.
  clock.shiftMs += 150_000
  assert.equal((await ask('br')).encoding, 'br')
  assert.equal((await ask('gzip')).encoding, 'gzip')
  assert.equal(origin.seen.length, 2)
  // A part is of the bytes as they are.
  assert.equal((await get('/a', { headers: { range: 'bytes=0-8', 'accept-encoding': 'br' } })).text, 'version 1')
  // Replaced: nothing of the old is given.
  clock.shiftMs += 150_000
  version = 2
  assert.equal((await ask('br')).body.toString(), textOf())
  assert.equal(brotliDecompressSync((await until('br', 'br')).body).toString(), textOf())
  assert.deepEqual(await edge.purge({ tag: 'css' }), { objects: 2 })
  assert.equal(edge.report().objects, 0)
})
