// What is purged is not given any more, whether it was kept or on its way.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

async function openTagged(t: Parameters<typeof openOrigin>[0], delayMs = 0) {
  const origin = await openOrigin(t, (request, response) => {
    const tag = request.url?.split('/')[1]
    response.writeHead(200, { 'cache-control': 'max-age=100', 'cache-tag': `all, ${tag}`, etag: '"v"' })
    setTimeout(() => response.end(`${request.url} ${origin.seen.length}`), delayMs)
  })
  return { origin, ...(await openEdgeFront(t, origin)) }
}

test('by URL, by prefix, by tag, and all', async (t) => {
  const { edge, get, port } = await openTagged(t)
  const paths = ['/cats/1', '/cats/2', '/dogs/1', '/dogs/1?x']
  const keep = async () => {
    for (const path of paths) await get(path)
  }
  const base = `http://127.0.0.1:${port}`
  const left = async () => {
    const caches = await Promise.all(paths.map(async (path) => (await get(path)).cache.startsWith('hit')))
    return paths.filter((_path, i) => caches[i])
  }
  await keep()
  assert.deepEqual(await edge.purge({ url: `${base}/dogs/1` }), { objects: 1 })
  assert.deepEqual(await left(), ['/cats/1', '/cats/2', '/dogs/1?x'])
  assert.deepEqual(await edge.purge({ prefix: `${base}/cats/` }), { objects: 2 })
  assert.deepEqual(await left(), ['/dogs/1', '/dogs/1?x'])
  assert.deepEqual(await edge.purge({ tag: 'dogs' }), { objects: 2 })
  assert.deepEqual(await left(), ['/cats/1', '/cats/2'])
  assert.deepEqual(await edge.purge({ everything: true }), { objects: 4 })
  assert.deepEqual(await left(), [])
})

test('what is on its way is given to those who wait, and to nobody after', async (t) => {
  for (const purge of [{ tag: 'cats' }, { everything: true as const }]) {
    const { edge, get, origin } = await openTagged(t, 150)
    const early = get('/cats/1')
    await new Promise((resolve) => setTimeout(resolve, 50))
    await edge.purge(purge)
    const late = get('/cats/1')
    assert.equal((await early).status, 200)
    assert.equal((await late).text, '/cats/1 2')
    assert.equal((await get('/cats/1')).text, '/cats/1 2')
    assert.equal(origin.seen.length, 2)
  }
})

test('softly: it is asked about before it is given, or given when nobody answers', async (t) => {
  const { edge, get, origin } = await openTagged(t)
  await get('/cats/1')
  await edge.purge({ tag: 'all', soft: true })
  const { text, cache } = await get('/cats/1')
  assert.deepEqual([text, cache], ['/cats/1 2', 'fwd=stale; ttl=100; stored'])
  assert.equal(origin.headers[1]?.['if-none-match'], '"v"')
  await edge.purge({ tag: 'all', soft: true })
  await origin.stop()
  assert.equal((await get('/cats/1')).text, '/cats/1 2')
})
