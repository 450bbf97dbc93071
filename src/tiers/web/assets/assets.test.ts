// Assets from their directory to the answer: versioned names, what they refer to, compressed forms, older versions.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type FastifyInstance, fastify } from 'fastify'
import { isTenfoldError } from '../../../base/errors.ts'
import { waitUntil } from '../../../base/limits.ts'
import { AssetStore } from './asset-store.ts'
import { openAssets } from './assets.ts'
import { addAssets } from './serve.ts'

const css = `@import "base.css"; a { background: url(img/a.svg) }\n${'b { color: red }\n'.repeat(100)}`
const files = {
  'app.css': css,
  'base.css': 'body{}',
  'img/a.svg': '<svg/>',
  'no-ending': 'x',
  '.hidden': 'x',
  'a b%.txt': 'odd',
}

async function places(t: TestContext, written: Record<string, string> = files) {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-assets-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const places = { from: join(dir, 'public'), to: join(dir, 'deployed') }
  await write(places.from, written)
  return places
}

async function write(dir: string, written: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(written)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), content)
  }
}

async function serve(t: TestContext, from: string, to: string) {
  const assets = await openAssets(from, to)
  const http: FastifyInstance = fastify()
  t.after(() => http.close())
  await addAssets(http, assets)
  const get = (url: string, headers: Record<string, string> = {}) => http.inject({ url, headers })
  return { ...assets, get }
}

test('a versioned name is the hash of its content, and a sheet is renamed with what it refers to', async (t) => {
  const { from, to } = await places(t)
  const first = await openAssets(from, to)
  assert.match(first.url('app.css'), /^\/assets\/app\.[0-9a-f]{8}\.css$/)
  assert.match(first.url('no-ending'), /^\/assets\/no-ending\.[0-9a-f]{8}$/)
  assert.match(first.url('a b%.txt'), /^\/assets\/a%20b%25\.[0-9a-f]{8}\.txt$/)
  for (const name of ['nothing.css', '.hidden'])
    assert.throws(
      () => first.url(name),
      (error) => isTenfoldError(error, 'bad-input'),
    )
  const before = await readdir(to, { recursive: true })
  assert.equal((await openAssets(from, to)).url('app.css'), first.url('app.css'))
  assert.deepEqual(await readdir(to, { recursive: true }), before, 'deployed again, nothing is written')
  await writeFile(join(from, 'img/a.svg'), '<svg></svg>')
  const second = await openAssets(from, to)
  assert.notEqual(second.url('app.css'), first.url('app.css'))
  assert.equal(second.url('base.css'), first.url('base.css'))
})

test('sheets that import each other are deployed all the same', async (t) => {
  const { from, to } = await places(t, { 'a.css': '@import "b.css"', 'b.css': '@import "a.css"' })
  const { url, get } = await serve(t, from, to)
  assert.equal((await get(url('b.css'))).body, '@import "a.css"')
  assert.match((await get(url('a.css'))).body, /^@import "b\.[0-9a-f]{8}\.css"$/)
})

test('a versioned asset is given for a year, compressed as the client likes it; the plain name for a minute', async (t) => {
  const { from, to } = await places(t)
  const { url, get } = await serve(t, from, to)
  const plain = await get(url('app.css'))
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(plain.headers['content-type'], 'text/css; charset=utf-8')
  assert.equal(plain.headers['vary'], 'accept-encoding')
  assert.ok(plain.body.includes(`url(${url('img/a.svg').slice('/assets/'.length)})`))
  const decoders = { br: brotliDecompressSync, zstd: zstdDecompressSync, gzip: gunzipSync }
  for (const [coding, decode] of Object.entries(decoders)) {
    const answer = await get(url('app.css'), { 'accept-encoding': coding })
    assert.equal(answer.headers['content-encoding'], coding)
    assert.equal(answer.headers['content-type'], 'text/css; charset=utf-8')
    assert.equal(decode(answer.rawPayload).toString(), plain.body)
    assert.ok(answer.rawPayload.length < plain.rawPayload.length / 4)
    const etag = String(answer.headers['etag'])
    assert.notEqual(etag, plain.headers['etag'])
    assert.equal((await get(url('app.css'), { 'accept-encoding': coding, 'if-none-match': etag })).statusCode, 304)
    assert.equal((await get(url('app.css'), { 'if-none-match': etag })).statusCode, 200)
  }
  assert.equal((await get(url('img/a.svg'), { 'accept-encoding': 'br' })).headers['content-encoding'], undefined)
  assert.equal((await get(url('a b%.txt'))).body, 'odd')
  const range = await get(url('app.css'), { range: 'bytes=0-6' })
  assert.deepEqual([range.statusCode, range.body], [206, '@import'])
  assert.equal((await get('/assets/app.css')).headers['cache-control'], 'public, max-age=60')
  assert.equal((await get('/assets/app.css')).body, css)
  for (const bad of [
    '/assets/app.00000000.css',
    '/assets/%2e%2e/sets/x.00000000.json',
    '/assets/..%2fsets%2fx.00000000.json',
  ])
    assert.ok([403, 404].includes((await get(bad)).statusCode), bad)
})

test('versions before this one, and those that another process deploys, are served too', async (t) => {
  const { from, to } = await places(t)
  const old = await openAssets(from, to)
  await write(from, { 'app.css': 'new{}', 'added.js': '1' })
  const { url, get } = await serve(t, from, to)
  assert.equal((await get(old.url('app.css'))).statusCode, 200)
  assert.equal((await get(url('app.css'))).body, 'new{}')
  await write(from, { 'app.css': 'newer{}' })
  const newer = await openAssets(from, to)
  const found = async () => (await get(newer.url('app.css'))).body === 'newer{}'
  await waitUntil(found, { what: 'the version of the other process', timeoutMs: 5000 })
})

test('a version that nobody has run for long goes, with what only it had; the running one never does', async (t) => {
  const { from, to } = await places(t)
  const store = new AssetStore(to)
  const old = await openAssets(from, to)
  const [oldSet = ''] = await readdir(join(to, 'sets'))
  await write(from, { 'app.css': 'new{}' })
  const now = await openAssets(from, to)
  const sets = await readdir(join(to, 'sets'))
  const running = String(sets.find((name) => name !== oldSet))
  const longAgo = new Date(Date.now() - 86_400_000)
  for (const name of await readdir(to, { recursive: true })) await utimes(join(to, name), longAgo, longAgo)
  await store.sweep(running, { keptMs: 2 * 86_400_000, setsMax: 10 })
  assert.equal((await readdir(join(to, 'sets'))).length, 2)
  await store.sweep(running, { keptMs: 3_600_000, setsMax: 10 })
  assert.deepEqual(await readdir(join(to, 'sets')), [running])
  const file = (url: string) => url.slice('/assets/'.length)
  assert.equal(await store.find(file(old.url('app.css'))), undefined)
  assert.ok(await store.find(file(now.url('base.css'))))
  const left = await readdir(join(to, 'plain'))
  assert.ok(!left.includes(file(old.url('app.css'))) && left.includes(file(now.url('app.css'))))
  assert.deepEqual(await readdir(join(to, 'br')), [], 'its compressed forms go with it')
})

test('while a set cannot be read nothing is deleted, and what can be read is served', async (t) => {
  const { from, to } = await places(t)
  const store = new AssetStore(to)
  const old = await openAssets(from, to)
  await write(from, { 'app.css': 'new{}' })
  await openAssets(from, to)
  const [running = ''] = await readdir(join(to, 'sets'))
  await mkdir(join(to, 'sets/unreadable.json'))
  const longAgo = new Date(Date.now() - 86_400_000)
  for (const name of await readdir(to, { recursive: true })) await utimes(join(to, name), longAgo, longAgo)
  const before = await readdir(to, { recursive: true })
  await assert.rejects(store.sweep(running, { keptMs: 3_600_000, setsMax: 10 }), { code: 'EISDIR' })
  assert.deepEqual(await readdir(to, { recursive: true }), before)
  assert.ok(await store.find(old.url('app.css').slice('/assets/'.length)))
})

test('hidden files are not served', async (t) => {
  const { from, to } = await places(t, { 'a.css': 'a{}', '.env': 'secret', '.git/config': 'secret' })
  const { get } = await serve(t, from, to)
  assert.equal((await get('/assets/a.css')).statusCode, 200)
  for (const name of ['.env', '.git/config', '%2eenv'])
    assert.equal((await get(`/assets/${name}`)).statusCode, 404, name)
})

test('a directory that is not there is said', async (t) => {
  const { from, to } = await places(t)
  await assert.rejects(
    openAssets(join(from, 'nowhere'), to),
    (error) => isTenfoldError(error, 'bad-input') && /nowhere/.test(error.message),
  )
})
