// What is kept and has grown old: asked about, given meanwhile, given because nobody answers, or not given.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

const timeoutMs = 10_000

test('a stale answer is asked about, confirmed by a 304 with newer fields, and given without its body being sent', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    response.setHeader('cache-control', 'max-age=10')
    response.setHeader('etag', '"v1"')
    response.setHeader('x-count', String(origin.seen.length))
    if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end()
    else response.end('hello')
  })
  const { get, clock, edge } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  const answers = await Promise.all(Array.from({ length: 20 }, () => get('/a')))
  assert.ok(
    answers.every(({ status, text, headers }) => status === 200 && text === 'hello' && headers['x-count'] === '2'),
  )
  assert.equal(answers[0]?.cache, 'fwd=stale; fwd-status=304; ttl=10')
  assert.equal(origin.seen.length, 2)
  assert.equal((await get('/a')).cache, 'hit; ttl=10')
  assert.equal(edge.report().requests.revalidated, 1)
  assert.equal(edge.report().bytesFromOrigin, 5)
})

test('a 304 for another version than the one that is kept brings the answer anew', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    response.setHeader('cache-control', 'max-age=10')
    response.setHeader('etag', `"v${origin.seen.length}"`)
    if (request.headers['if-none-match']) response.writeHead(304).end()
    else response.end(`body ${origin.seen.length}`)
  })
  const { get, clock } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  assert.equal((await get('/a')).text, 'body 3')
})

test('a stale answer is replaced when there is a new one, whatever validates it', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=10')
    response.setHeader('last-modified', new Date(1000 * origin.seen.length).toUTCString())
    response.end(`body ${origin.seen.length}`)
  })
  const { get, clock, edge } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  assert.equal((await get('/a')).text, 'body 2')
  assert.equal((await get('/a')).text, 'body 2')
  assert.equal(edge.report().objects, 1)
})

test('while it is being asked about, a stale answer is given for as long as it says, and asked about once', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=10, stale-while-revalidate=30')
    setTimeout(() => response.end(`body ${origin.seen.length}`), origin.seen.length === 1 ? 0 : 100)
  })
  const { get, clock, edge } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  const answers = await Promise.all(Array.from({ length: 20 }, () => get('/a')))
  assert.ok(answers.every(({ text, cache }) => text === 'body 1' && cache === 'hit; ttl=-10'))
  assert.equal(origin.seen.length, 2)
  await waitUntil(async () => (await get('/a')).text === 'body 2', { what: 'the new body', timeoutMs })
  assert.equal(origin.seen.length, 2)
  clock.shiftMs += 50_000
  assert.equal((await get('/a')).text, 'body 3')
  assert.equal(edge.report().requests.stale > 0, true)
})

const forbids: Array<[field: string, extra?: Record<string, string>]> = [
  ['max-age=10, must-revalidate'],
  ['max-age=10, proxy-revalidate'],
  ['s-maxage=10'],
  ['no-cache', { etag: '"a"' }],
  // What was never shared without asking is not shared because nobody can be asked.
  ['max-age=0', { etag: '"a"' }],
]
for (const [field, extra = {}] of forbids)
  test(`an answer with ${field} is not given stale, though no server answers and the client says that it does not mind`, async (t) => {
    const origin = await openOrigin(t, (_request, response) => {
      response.writeHead(200, { 'cache-control': field, ...extra }).end('hello')
    })
    const { get, clock } = await openEdgeFront(t, origin)
    await get('/a')
    await origin.stop()
    clock.shiftMs += 20_000
    assert.equal((await get('/a', { headers: { 'cache-control': 'max-stale' } })).status, 502)
    assert.equal((await get('/a')).status, 502)
  })

test('an error of the server is not given where a stale answer may be, and is where none may', async (t) => {
  let status = 200
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(status, { 'cache-control': 'max-age=10, stale-if-error=100' }).end(`status ${status}`)
  })
  const { get, clock } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  for (status of [500, 502, 503, 504]) {
    const { text, cache } = await get('/a')
    assert.equal(text, 'status 200')
    assert.match(cache, new RegExp(`^fwd=stale; fwd-status=${status}; ttl=-\\d+; detail="stale-if-error"$`))
    clock.shiftMs += 3_000 // until nobody remembers that the server failed
  }
  status = 503
  clock.shiftMs += 200_000
  assert.equal((await get('/a')).status, 503)
})

test('when no server answered, nobody waits for the next one to fail: what is kept is given at once for a while', async (t) => {
  let isSlow = false
  const origin = await openOrigin(t, (_request, response) => {
    if (isSlow) setTimeout(() => response.destroy(), 200)
    else response.writeHead(200, { 'cache-control': 'max-age=10' }).end('hello')
  })
  const { get, clock } = await openEdgeFront(t, origin)
  await get('/a')
  isSlow = true
  clock.shiftMs += 20_000
  assert.equal((await get('/a')).text, 'hello')
  const asked = origin.seen.length
  for (let i = 0; i < 10; i++) assert.equal((await get('/a')).cache, 'fwd=stale; ttl=-10; detail="stale-if-error"')
  assert.equal(origin.seen.length, asked)
  isSlow = false
  clock.shiftMs += 3_000
  assert.equal((await get('/a')).cache.includes('stored'), true)
})

test('a HEAD that a server answers makes what is kept fresh, or throws it out when it is another version', async (t) => {
  let version = 'v1'
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=10', etag: `"${version}"`, 'content-length': 5 }).end('hello')
  })
  const { get, clock, edge } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  assert.equal((await get('/a', { method: 'HEAD' })).headers['content-length'], '5')
  assert.equal((await get('/a')).cache, 'hit; ttl=10')
  assert.equal((await get('/a', { method: 'HEAD' })).cache, 'hit; ttl=10')
  clock.shiftMs += 20_000
  version = 'v2'
  await get('/a', { method: 'HEAD' })
  assert.equal(edge.report().objects, 0)
})

test('a request says how old an answer may be, and may ask for none but a kept one', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=100' }).end(`body ${origin.seen.length}`)
  })
  const { get, clock } = await openEdgeFront(t, origin)
  const ask = async (field: string) => (await get('/a', { headers: { 'cache-control': field } })).text
  assert.equal((await get('/a', { headers: { 'cache-control': 'only-if-cached' } })).status, 504)
  assert.equal(await ask('max-age=10'), 'body 1')
  clock.shiftMs += 20_000
  assert.equal(await ask('max-age=30'), 'body 1')
  assert.equal(await ask('max-age=10'), 'body 2')
  assert.equal(await ask('min-fresh=99'), 'body 2')
  assert.equal(await ask('min-fresh=101'), 'body 3')
  assert.equal(await ask('no-cache'), 'body 4')
  assert.equal(await ask('no-store'), 'body 5')
  assert.equal(await ask('only-if-cached'), 'body 4')
  clock.shiftMs += 110_000
  assert.equal(await ask('max-stale=20'), 'body 4')
  assert.equal(await ask('max-stale=5'), 'body 6')
})

test('a reload does not ask about what never changes', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=1000, immutable' }).end(`body ${origin.seen.length}`)
  })
  const { get, clock } = await openEdgeFront(t, origin)
  await get('/a')
  clock.shiftMs += 20_000
  assert.equal((await get('/a', { headers: { 'cache-control': 'max-age=0' } })).text, 'body 1')
  assert.equal((await get('/a', { headers: { 'cache-control': 'no-cache' } })).text, 'body 2')
})
