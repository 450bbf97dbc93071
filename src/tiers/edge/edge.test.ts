// The edge as clients see it, before a real server: what is answered from here, what is fetched and how often, what happens
// when the server does not answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

test('an answer that may be kept is fetched once, and says so; its age grows', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('hello')
  })
  const { get, clock, edge } = await openEdgeFront(t, origin)
  const first = await get('/a')
  assert.deepEqual([first.status, first.text, first.cache], [200, 'hello', 'fwd=uri-miss; ttl=60; stored'])
  clock.shiftMs += 10_000
  const second = await get('/a')
  assert.deepEqual([second.status, second.text, second.cache], [200, 'hello', 'hit; ttl=50'])
  assert.equal(second.headers.age, '10')
  assert.equal(second.headers.date, first.headers.date)
  assert.notEqual(second.headers['x-request-id'], first.headers['x-request-id'])
  assert.deepEqual(origin.seen, ['GET /a'])
  const { requests, objects, bytesOut, bytesFromOrigin } = edge.report()
  assert.deepEqual([requests.hit, requests.miss, objects, bytesOut, bytesFromOrigin], [1, 1, 1, 10, 5])
})

test('a thousand requests at once for what is not here reach the server once', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    setTimeout(() => response.end('x'.repeat(1000)), 100)
  })
  const { get, edge } = await openEdgeFront(t, origin)
  const answers = await Promise.all(Array.from({ length: 1000 }, () => get('/a')))
  assert.equal(answers.filter(({ status, text }) => status === 200 && text.length === 1000).length, 1000)
  assert.deepEqual(origin.seen, ['GET /a'])
  const { requests } = edge.report()
  assert.equal(requests.miss, 1)
  assert.equal(requests.coalesced + requests.hit, 999)
})

test('what may not be kept goes to the one who asked first; the others do not wait for each other', async (t) => {
  let inFlight = 0
  let inFlightMax = 0
  const origin = await openOrigin(t, (_request, response) => {
    inFlightMax = Math.max(inFlightMax, ++inFlight)
    setTimeout(() => {
      inFlight--
      response.setHeader('cache-control', 'private, max-age=60')
      response.end(`answer ${origin.seen.length}`)
    }, 50)
  })
  const { get } = await openEdgeFront(t, origin)
  const answers = await Promise.all(Array.from({ length: 50 }, () => get('/a')))
  assert.equal(origin.seen.length, 50)
  assert.ok(inFlightMax >= 40, `${inFlightMax} at once`)
  assert.ok(answers.every(({ status, cache }) => status === 200 && cache.startsWith('fwd=')))
})

test('when the server is gone, what is kept is given although it is stale, and is marked', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=10')
    response.end('hello')
  })
  const { get, clock, edge } = await openEdgeFront(t, origin)
  await get('/a')
  await origin.stop()
  clock.shiftMs += 30_000
  const stale = await get('/a')
  assert.deepEqual([stale.status, stale.text], [200, 'hello'])
  assert.equal(stale.cache, 'fwd=stale; ttl=-20; detail="stale-if-error"')
  assert.equal((await get('/a', { method: 'HEAD' })).status, 200)
  assert.deepEqual(edge.report().requests, { hit: 0, stale: 2, revalidated: 0, miss: 1, coalesced: 0, pass: 0 })
  clock.shiftMs += 60_000
  assert.equal((await get('/a')).status, 502)
  assert.equal((await get('/b')).status, 502)
})
