// Requests for a part, with a condition, and with methods that change something.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineRules, openEdgeFront, openOrigin } from './testing/edge-front.ts'

const day = 86_400_000

test('conditions and ranges are answered from what is kept', async (t) => {
  const modified = new Date(Date.now() - day).toUTCString()
  const origin = await openOrigin(t, (_request, response) => {
    const fields = {
      'cache-control': 'max-age=100',
      etag: '"v1"',
      'last-modified': modified,
      'content-type': 'text/plain',
    }
    response.writeHead(200, fields).end('0123456789')
  })
  const { get } = await openEdgeFront(t, origin)
  await get('/a')
  const ask = (headers: Record<string, string>) => get('/a', { headers })
  const same = await ask({ 'if-none-match': '"x", W/"v1"' })
  assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', '"v1"'])
  assert.deepEqual([same.headers['content-length'], same.headers['content-type']], [undefined, undefined])
  assert.equal((await ask({ 'if-modified-since': modified })).status, 304)
  assert.equal((await ask({ 'if-modified-since': new Date(0).toUTCString() })).status, 200)
  assert.equal((await ask({ 'if-none-match': '"x"', 'if-modified-since': modified })).status, 200)
  const cases: Array<[headers: Record<string, string>, status: number, text: string, range?: string]> = [
    [{ range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    [{ range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=5-100' }, 206, '56789', 'bytes 5-9/10'],
    [{ range: 'bytes=10-' }, 416, '', 'bytes */10'],
    [{ range: 'bytes=4-2' }, 200, '0123456789'],
    [{ range: 'bytes=0-1,4-5' }, 200, '0123456789'],
    [{ range: 'lines=0-1' }, 200, '0123456789'],
    [{ range: 'bytes=0-1', 'if-range': '"v1"' }, 206, '01', 'bytes 0-1/10'],
    [{ range: 'bytes=0-1', 'if-range': '"v0"' }, 200, '0123456789'],
    [{ range: 'bytes=0-1', 'if-range': 'W/"v1"' }, 200, '0123456789'],
    [{ range: 'bytes=0-1', 'if-range': modified }, 206, '01', 'bytes 0-1/10'],
    [{ range: 'bytes=0-1', 'if-none-match': '"v1"' }, 304, ''],
  ]
  for (const [headers, status, text, range] of cases) {
    const answer = await ask(headers)
    assert.deepEqual(
      [answer.status, answer.text, answer.headers['content-range']],
      [status, text, range],
      JSON.stringify(headers),
    )
  }
  assert.deepEqual(origin.seen, ['GET /a'])
})

test('a part of what is not kept goes through and creates nothing; a condition is answered from the whole', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    const isPart = request.headers.range !== undefined
    response.writeHead(isPart ? 206 : 200, {
      ...(isPart && { 'content-range': 'bytes 0-1/10' }),
      ...{ 'cache-control': 'max-age=100', etag: '"v1"' },
    })
    response.end(isPart ? '01' : '0123456789')
  })
  const { get, edge } = await openEdgeFront(t, origin)
  assert.equal((await get('/a', { headers: { range: 'bytes=0-1' } })).text, '01')
  assert.equal(edge.report().objects, 0)
  assert.equal((await get('/a', { headers: { 'if-none-match': '"v1"' } })).status, 304)
  assert.equal(origin.headers[1]?.['if-none-match'], undefined)
  assert.equal((await get('/a')).cache, 'hit; ttl=100')
  assert.equal((await get('/b', { headers: { 'if-match': '"v1"' } })).cache, 'fwd=bypass')
})

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const)
  test(`${method} goes through with its body, and what it changed is not given any more`, async (t) => {
    let status = 200
    const origin = await openOrigin(t, (request, response) => {
      response.setHeader('cache-control', 'max-age=100')
      if (request.method !== 'GET') response.setHeader('location', '/made')
      let text = ''
      request.on('data', (bytes) => {
        text += bytes
      })
      request.on('end', () => response.writeHead(status).end(`${request.method} ${text}`))
    })
    const dropped: string[] = []
    const options = { onInvalidated: (url: string) => void dropped.push(url.replace(/:\d+/, '')) }
    const { get, edge } = await openEdgeFront(t, origin, { options })
    for (const path of ['/a', '/made', '/other']) await get(path)
    status = 500
    await get('/a', { method, body: 'x' })
    assert.equal(edge.report().objects, 3)
    status = 201
    assert.equal((await get('/a', { method, body: 'x'.repeat(100_000) })).text.length, method.length + 100_001)
    assert.equal(edge.report().objects, 1)
    assert.deepEqual(dropped, ['http://127.0.0.1/a', 'http://127.0.0.1/made'])
    assert.match((await get('/a')).cache, /^fwd=uri-miss/)
    assert.match((await get('/other')).cache, /^hit/)
  })

test('what was fetched before a change is not kept after it', async (t) => {
  const origin = await openOrigin(t, (request, response) => {
    response.setHeader('cache-control', 'max-age=100')
    if (request.method === 'GET') setTimeout(() => response.end(`get ${origin.seen.length}`), 200)
    else response.end('changed')
  })
  const { get } = await openEdgeFront(t, origin)
  const early = get('/a')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await get('/a', { method: 'POST', body: 'x' })
  const late = get('/a')
  assert.match((await early).text, /^get/)
  assert.match((await late).cache, /^fwd=uri-miss.*stored$/)
  assert.equal(origin.seen.length, 3)
})

test('a Location names what is kept as rules have it', async (t) => {
  const rules = defineRules([{ path: '/made', keep: 'fields', query: ['id'] }])
  const origin = await openOrigin(t, (request, response) => {
    if (request.method === 'POST') response.setHeader('location', '/made?utm=1&id=2')
    response.writeHead(200, { 'cache-control': 'max-age=100' }).end('hello')
  })
  const { get } = await openEdgeFront(t, origin, { settings: rules })
  await get('/made?id=2&x')
  assert.match((await get('/made?id=2')).cache, /^hit/)
  await get('/a', { method: 'POST', body: 'x' })
  assert.match((await get('/made?id=2')).cache, /^fwd/)
})
