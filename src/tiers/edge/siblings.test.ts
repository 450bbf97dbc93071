// Several fronts of one region: what all of them miss reaches the server once, through the front that owns the key.

import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import type { Sibling } from './siblings.ts'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

const secret = Buffer.from('what fronts know')

async function openThree(t: Parameters<typeof openOrigin>[0], answer: Parameters<typeof openOrigin>[1]) {
  const origin = await openOrigin(t, answer)
  const trustedPeers = new BlockList()
  trustedPeers.addAddress('127.0.0.1')
  let owner: Sibling | undefined
  const open = async (node: string, isOwner: boolean) =>
    openEdgeFront(t, origin, { trustedPeers, options: { node, secret, sibling: () => (isOwner ? undefined : owner) } })
  const owning = await open('front-1', true)
  owner = { address: '127.0.0.1', port: owning.port }
  const setOwner = (sibling: Sibling | undefined) => {
    owner = sibling
  }
  return { origin, owning, others: [await open('front-2', false), await open('front-3', false)] as const, setOwner }
}

test('a thousand misses at three fronts reach the server once, and every front keeps the answer', async (t) => {
  const { origin, owning, others } = await openThree(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=100')
    setTimeout(() => response.end('hello'), 100)
  })
  const fronts = [owning, ...others]
  const ask = (i: number) => fronts[i % 3]?.get('/a', { headers: { host: 'app.example' } })
  const answers = await Promise.all(Array.from({ length: 999 }, (_, i) => ask(i)))
  assert.equal(answers.filter((answer) => answer?.text === 'hello').length, 999)
  assert.deepEqual(origin.seen, ['GET /a'])
  for (const { edge } of fronts) assert.equal(edge.report().objects, 1)
  // Each request and byte is counted where its client is.
  const reports = fronts.map(({ edge }) => edge.report())
  const sum = reports.flatMap(({ requests }) => Object.values(requests)).reduce((a, b) => a + b, 0)
  assert.deepEqual([sum, reports.reduce((bytes, { bytesOut }) => bytes + bytesOut, 0)], [999, 999 * 5])
  assert.equal(
    reports.reduce((bytes, { bytesFromOrigin }) => bytes + bytesFromOrigin, 0),
    5,
  )
  assert.match(String(origin.headers[0]?.['cdn-loop']), /^tenfold; node="front-[23]"; mac="[\w-]{43}"$|^undefined$/)
})

test('an owner that is gone, or answers nothing, is passed over; a front never asks on for another', async (t) => {
  const { origin, owning, others, setOwner } = await openThree(t, (_request, response) => {
    response.setHeader('cache-control', 'max-age=100')
    response.end('hello')
  })
  setOwner({ address: '127.0.0.1', port: 1 })
  assert.equal((await others[0].get('/a')).text, 'hello')
  assert.equal(origin.seen.length, 1)
  // One that takes itself for another waits for nobody.
  setOwner({ address: '127.0.0.1', port: others[1].port })
  const startMs = performance.now()
  assert.equal((await others[1].get('/b')).text, 'hello')
  assert.ok(performance.now() - startMs < 1_000)
  assert.equal(origin.seen.length, 2)
  assert.equal(owning.edge.report().objects, 0)
})

test('what the owner may not keep reaches each who asked, on its own', async (t) => {
  const { others } = await openThree(t, (request, response) => {
    response.setHeader('set-cookie', `user=${request.headers['x-user']}`)
    response.end(String(request.headers['x-user']))
  })
  const [front] = others
  const users = Array.from({ length: 20 }, (_, i) => `user-${i}`)
  const answers = await Promise.all(users.map((user) => front.get('/a', { headers: { 'x-user': user } })))
  assert.deepEqual(
    answers.map(({ text, headers }) => [text, headers['set-cookie']]),
    users.map((user) => [user, `user=${user}`]),
  )
})

test('servers are told of the client and not of the front that asks for it; nobody else can say so', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    response.setHeader('cache-control', 'max-age=100')
    response.end(`${request.headers['x-forwarded-proto']} ${request.headers['x-forwarded-for']}`)
  })
  const owning = await openEdgeFront(t, origin, { options: { node: 'front-1', secret, sibling: () => undefined } })
  const sibling = () => ({ address: '127.0.0.1', port: owning.port })
  const trustedPeers = new BlockList()
  trustedPeers.addAddress('127.0.0.1')
  const asking = await openEdgeFront(t, origin, { trustedPeers, options: { node: 'front-2', secret, sibling } })
  const headers = { host: 'app.example', 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https' }
  assert.equal((await asking.get('/a', { headers })).text, 'https 192.0.2.1, 127.0.0.1, 127.0.0.1')
  assert.deepEqual(await owning.edge.purge({ url: 'https://app.example/a' }), { objects: 1 })
  const [mark] = String(origin.headers[0]?.['cdn-loop']).split('mac=')
  const forged = [String(mark), `${mark}mac="${'a'.repeat(43)}"`, String(origin.headers[0]?.['cdn-loop'])]
  for (const [i, loop] of forged.entries()) {
    const answer = await owning.get(`/b${i}`, { headers: { ...headers, 'cdn-loop': loop } })
    assert.equal(answer.text, 'http 127.0.0.1')
    assert.equal(owning.edge.report().requests.miss, i + 1, 'and is counted like everybody')
    assert.equal(owning.edge.report().bytesOut, (i + 1) * answer.text.length)
  }
})

test('an owner that limits how often it is asked is passed over', async (t) => {
  const origin = await openOrigin(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=100' }).end('hello')
  })
  const limited = await openOrigin(t, (_request, response) => response.writeHead(429).end())
  const sibling = () => ({ address: '127.0.0.1', port: limited.port })
  const { get } = await openEdgeFront(t, origin, { options: { sibling } })
  const answers = await Promise.all([get('/a'), get('/a'), get('/a')])
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['hello', 'hello', 'hello'],
  )
  assert.deepEqual([limited.seen.length, origin.seen.length], [1, 1])
})

test('a server that is down behind the owner is seen by all, and what is stale is given', async (t) => {
  const { origin, others } = await openThree(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=10, stale-if-error=100' }).end('hello')
  })
  const [front] = others
  assert.equal((await front.get('/a')).text, 'hello')
  await origin.stop()
  origin.clock.shiftMs += 20_000
  const first = await front.get('/a')
  assert.deepEqual([first.status, first.text], [200, 'hello'])
  assert.match(first.cache, /^front-1; fwd=stale; .*detail="stale-if-error", front-2; fwd=stale; ttl=-/)
  const second = await front.get('/a')
  assert.match(second.cache, /^front-2; fwd=stale; .*detail="stale-if-error"$/)
})

test('what was changed is not asked of an owner that may not have heard of it', async (t) => {
  let version = 1
  const { origin, owning, others } = await openThree(t, (request, response) => {
    if (request.method === 'POST') version++
    response.writeHead(200, { 'cache-control': 'max-age=100' }).end(`version ${version}`)
  })
  const [front, third] = others
  const ask = (of: typeof front, method: 'GET' | 'POST' = 'GET') =>
    of.get('/a', { method, headers: { host: 'app.example' } })
  for (const each of [owning, front, third]) assert.equal((await ask(each)).text, 'version 1')
  await ask(front, 'POST')
  assert.equal((await ask(front)).text, 'version 2')
  third.edge.invalidate('http://app.example/a')
  assert.equal((await ask(third)).text, 'version 2')
  owning.edge.invalidate('http://app.example/a')
  assert.equal((await ask(owning)).text, 'version 2')
  // Later it is the owner's again.
  const seen = origin.seen.length
  origin.clock.shiftMs += 2_000
  await third.edge.purge({ everything: true })
  assert.match((await ask(third)).cache, /^front-1; hit/)
  assert.equal(origin.seen.length, seen)
})
