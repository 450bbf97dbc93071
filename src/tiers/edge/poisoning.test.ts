// What a client must not be able to do to others through the cache: put its own answer under their name, keep them from
// theirs, or see what is not its own.

import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import { defineRules, openEdgeFront, openOrigin } from './testing/edge-front.ts'

/** Answers with what a careless app might take from a request. */
async function openReflecting(t: Parameters<typeof openOrigin>[0], fields: Record<string, string> = {}) {
  return openOrigin(t, (request, response) => {
    const { headers, url } = request
    response.writeHead(200, { 'cache-control': 'max-age=100', ...fields })
    response.end(JSON.stringify({ url, headers }))
  })
}

const reflected = [
  'x-forwarded-host',
  'x-forwarded-scheme',
  'x-forwarded-prefix',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-host',
  'forwarded',
  'x-real-ip',
]
for (const name of reflected)
  test(`a ${name} of a client reaches nobody else`, async (t) => {
    const origin = await openReflecting(t)
    const { get } = await openEdgeFront(t, origin)
    await get('/a', { headers: { [name]: 'evil.example' } })
    assert.doesNotMatch((await get('/a')).text, /evil/)
  })

test('hosts, schemes, queries and cases of a path have names of their own; what differs only in the case of a host is one', async (t) => {
  const origin = await openReflecting(t)
  const { get, edge } = await openEdgeFront(t, origin)
  const ask = (path: string, host: string) => get(path, { headers: { host } })
  await ask('/a', 'one.example')
  assert.match((await ask('/a', 'two.example')).cache, /^fwd/)
  assert.match((await ask('/A', 'one.example')).cache, /^fwd/)
  assert.match((await ask('/a?x=1', 'one.example')).cache, /^fwd/)
  assert.match((await ask('/a', 'one.example:8080')).cache, /^fwd/)
  assert.match((await ask('//a', 'one.example')).cache, /^fwd/)
  assert.match((await ask('/%61', 'one.example')).cache, /^fwd/)
  const { text, cache } = await ask('/a', 'ONE.example:80')
  assert.match(cache, /^hit/)
  assert.equal(JSON.parse(text).headers.host, 'one.example')
  assert.equal(edge.report().objects, 7)
})

test('what sets a cookie, is private, or answers somebody who is logged in is not kept', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    if (request.url === '/cookie') response.setHeader('set-cookie', 'session=secret')
    response.writeHead(200, { 'cache-control': request.url === '/private' ? 'private, max-age=100' : 'max-age=100' })
    response.end(`${request.headers.authorization}`)
  })
  const { get, edge } = await openEdgeFront(t, origin)
  for (const path of ['/cookie', '/private']) {
    await get(path)
    assert.match((await get(path)).cache, /^fwd/)
  }
  await get('/a', { headers: { authorization: 'Basic alice' } })
  assert.equal(edge.report().objects, 0)
  assert.equal((await get('/a')).text, 'undefined')
  assert.equal(edge.report().objects, 1)
})

test('what one user gets while the edge asks for itself is not given to another who waits for it', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    const isFirst = origin.seen.length === 1
    response.setHeader('cache-control', isFirst ? 'max-age=10, stale-while-revalidate=1000' : 'private')
    setTimeout(() => response.end(`for ${request.headers.cookie}`), isFirst ? 0 : 200)
  })
  const { get, clock } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  assert.equal((await get('/a', { headers: { cookie: 'alice' } })).text, 'for undefined')
  assert.equal((await get('/a', { headers: { cookie: 'bob', 'cache-control': 'no-cache' } })).text, 'for bob')
})

test('an answer that says nothing is not kept for those with a cookie, nor given to them', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    response.setHeader('last-modified', new Date(0).toUTCString())
    response.setHeader('etag', '"a"')
    response.end(`hello ${request.headers.cookie}`)
  })
  const { get, clock } = await openEdgeFront(t, origin)
  const alice = { headers: { cookie: 'user=alice' } }
  assert.equal((await get('/a', alice)).text, 'hello user=alice')
  assert.equal((await get('/a')).text, 'hello undefined')
  assert.equal((await get('/a')).cache.startsWith('hit'), true)
  assert.equal((await get('/a', alice)).text, 'hello user=alice')
  await origin.stop()
  clock.shiftMs += 60_000
  assert.equal((await get('/a', alice)).status, 502)
})

test('a body in a GET, an error that a request brought about, and a path with two readings create nothing', async (t) => {
  const rules = defineRules([{ path: '/static/*', keep: 'always', ttlMs: 100_000 }])
  const origin = await openOrigin(t, (request, response) => {
    response.statusCode = request.headers['x-odd'] ? 405 : 200
    response.end('hello')
  })
  const { get, edge, clock } = await openEdgeFront(t, origin, { settings: rules })
  await get('/static/a', { body: 'fat' })
  await get('/static/a', { headers: { 'x-odd': '1' } })
  for (const path of ['/static/..%2faccount', '/static/account;a.css', '/static/a%00.css', '/static/%2e%2e/account'])
    await get(path)
  assert.equal(edge.report().objects, 0)
  clock.shiftMs += 2_000
  await get('/static/a')
  assert.equal(edge.report().objects, 1)
})

test('answers with Vary: * or by ever new values fill neither memory nor other keys', async (t) => {
  const origin = await openReflecting(t, { vary: 'x-noise' })
  const { get, edge } = await openEdgeFront(t, origin)
  for (let i = 0; i < 200; i++) await get('/a', { headers: { 'x-noise': `${i}` } })
  assert.ok(edge.report().objects <= 64, `${edge.report().objects} variants`)
  const star = await openReflecting(t, { vary: 'x-noise, *' })
  const second = await openEdgeFront(t, star)
  await second.get('/a')
  assert.equal(second.edge.report().objects, 0)
})

test('a rule says which parameters and cookies count, and the server hears of no others that could tell requests apart', async (t) => {
  const rules = defineRules([
    { path: '/search*', keep: 'fields', query: ['q', 'page'] },
    { path: '/theme', keep: 'always', ttlMs: 100_000, cookies: ['theme'] },
    { path: '/lang', keep: 'fields', headers: ['X-Lang'] },
  ])
  const origin = await openOrigin(t, (request, response) => {
    if (request.url !== '/theme') response.setHeader('cache-control', 'max-age=100')
    response.end(`${request.url} ${request.headers.cookie} ${request.headers['x-lang']}`)
  })
  const { get } = await openEdgeFront(t, origin, { settings: rules })
  assert.match((await get('/search?utm=1&page=2&q=cat')).text, /^\/search\?page=2&q=cat /)
  assert.match((await get('/search?q=cat&page=2&utm=9')).cache, /^hit/)
  assert.match((await get('/search?q=dog&page=2')).cache, /^fwd/)
  await get('/theme', { headers: { cookie: 'id=1; theme=dark' } })
  assert.match((await get('/theme', { headers: { cookie: 'theme=dark; id=2' } })).cache, /^hit/)
  assert.match((await get('/theme', { headers: { cookie: 'theme=light; id=2' } })).cache, /^fwd/)
  await get('/lang', { headers: { 'x-lang': 'de' } })
  assert.match((await get('/lang', { headers: { 'x-lang': 'en' } })).text, /en$/)
  assert.match((await get('/lang', { headers: { 'x-lang': 'de' } })).cache, /^hit/)
})

test('what a trusted proxy says of another host is kept under no name', async (t) => {
  const trustedPeers = new BlockList()
  trustedPeers.addAddress('127.0.0.1')
  const origin = await openReflecting(t)
  const { get, edge } = await openEdgeFront(t, origin, { trustedPeers })
  const ask = (headers: Record<string, string>) => get('/a', { headers: { host: 'a.example', ...headers } })
  for (const headers of [
    { 'x-forwarded-host': 'evil.example' },
    { 'x-forwarded-host': 'evil.example, a.example' },
    { forwarded: 'for=192.0.2.1;Host="evil.example"' },
    { forwarded: 'host=evil.example, for=192.0.2.1;host=a.example' },
  ] as Array<Record<string, string>>)
    assert.equal((await ask(headers)).cache, 'fwd=bypass')
  assert.equal(edge.report().objects, 0)
  assert.match((await ask({ 'x-forwarded-host': 'A.example:80' })).cache, /stored$/)
  assert.match((await ask({ forwarded: 'for=192.0.2.1;host="a.example"' })).cache, /^hit/)
  assert.match((await ask({})).cache, /^hit/)
})

test('a HEAD with parameters that do not count says nothing of what is kept without them', async (t) => {
  const rules = defineRules([{ path: '/a', keep: 'fields', query: ['q'] }])
  const origin = await openOrigin(t, (request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=10', 'x-link': String(request.url), 'content-length': 5 })
    response.end(request.method === 'HEAD' ? undefined : 'hello')
  })
  const { get, clock } = await openEdgeFront(t, origin, { settings: rules })
  await get('/a')
  clock.shiftMs += 20_000
  assert.equal((await get('/a?evil', { method: 'HEAD' })).headers['x-link'], '/a?evil')
  assert.equal((await get('/a')).headers['x-link'], '/a')
})

test('an answer that varies by what servers are told of the way of a request is for nobody else', async (t) => {
  for (const name of ['X-Forwarded-For', 'x-forwarded-host', 'x-forwarded-proto', 'Forwarded', 'X-Request-Id']) {
    const origin = await openReflecting(t, { vary: `accept, ${name}` })
    const { get, edge } = await openEdgeFront(t, origin)
    await get('/a')
    assert.equal(edge.report().objects, 0)
  }
})

test('a cookie is what servers take for it', async (t) => {
  const rules = defineRules([{ path: '/theme', keep: 'always', ttlMs: 100_000, cookies: ['theme'] }])
  const origin = await openOrigin(t, (request, response) => void response.end(String(request.headers.cookie)))
  const { get } = await openEdgeFront(t, origin, { settings: rules })
  const ask = (...cookie: string[]) => get('/theme', { headers: { cookie } })
  await ask('id=1,theme=light; theme=dark')
  assert.match((await ask('theme=light')).cache, /^fwd/)
  assert.match((await ask('id=2', 'theme=dark')).cache, /^hit/)
  assert.match((await ask('theme=dark; theme=light')).cache, /^fwd/)
})
