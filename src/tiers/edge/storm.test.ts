// Many clients at once who ask, leave, read slowly and change things, before a server that says anything and breaks off. What
// must hold all the while: a body belongs to the path that was asked for and is whole, what is one user's own reaches nobody
// else, and in the end nothing is left of it all.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openEdgeFront, openOrigin } from './testing/edge-front.ts'

const clients = 40
const requestsPerClient = 60
const seed = Number(process.env['TENFOLD_SEED'] ?? Date.now() % 1_000_000)

/** Mulberry32: small, and good enough to make a mess that can be made again. */
function randomOf(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

const fields = [
  ...['max-age=1', 'max-age=100', 'max-age=1, stale-while-revalidate=50', 'max-age=1, stale-if-error=50', 'no-cache'],
  ...['no-store', 'private, max-age=100', 'max-age=0', 's-maxage=2', 'max-age=1, must-revalidate'],
]

test(`a storm of ${clients * requestsPerClient} requests mixes up nothing and leaves nothing behind (seed ${seed})`, async (t) => {
  const random = randomOf(seed)
  let isOver = false
  const origin = await openOrigin(t, (request, response) => {
    const user = String(request.headers['x-user'])
    const control = fields[random(fields.length)] as string
    const isOwn = /private|no-store/.test(control)
    const size = [0, 10, 5_000, 300_000][random(4)] as number
    const text = `${`<${request.url} ${isOwn ? user : 'all'}>`.padEnd(size, '.')}!`
    response.setHeader('cache-control', control)
    if (random(3) === 0) response.setHeader('etag', `"${request.url}"`)
    if (random(4) === 0) response.setHeader('vary', 'x-kind')
    response.setHeader('cache-tag', `t${random(3)}`)
    const isConfirmed = request.headers['if-none-match'] === `"${request.url}"` && random(2) === 0
    if (isConfirmed) response.setHeader('etag', `"${request.url}"`)
    response.statusCode = isConfirmed ? 304 : ([200, 200, 200, 200, 404, 500, 503][random(7)] as number)
    if (random(2) === 0 && !isConfirmed) response.setHeader('content-length', text.length)
    const pause = random(20)
    const breaks = !isOver && random(12) === 0
    request.resume()
    setTimeout(() => {
      if (isConfirmed) response.end()
      else if (breaks) response.write(text.slice(0, text.length / 2), () => response.destroy())
      else
        response.write(text.slice(0, text.length / 2), () =>
          setTimeout(() => response.end(text.slice(text.length / 2)), random(10)),
        )
    }, pause)
  })
  const { get, port, edge, clock } = await openEdgeFront(t, origin, { settings: { compresses: true } })
  const wrong: string[] = []
  let answered = 0

  async function askAndCheck(user: string): Promise<void> {
    const path = `/p${random(8)}`
    const headers: Record<string, string> = { host: 'a', 'x-user': user, 'x-kind': `${random(2)}` }
    if (random(8) === 0) headers['range'] = 'bytes=0-3'
    if (random(8) === 0) headers['if-none-match'] = `"${path}"`
    if (random(8) === 0)
      headers['cache-control'] = ['no-cache', 'max-age=0', 'only-if-cached', 'max-stale'][random(4)] as string
    const method = (['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'] as const)[random(6)] as 'GET'
    const {
      status,
      text,
      headers: got,
    } = await get(path, { method, headers, ...(method !== 'GET' && method !== 'HEAD' && { body: 'x' }) })
    answered++
    if (method !== 'GET' || status === 304 || status === 416 || got['content-type'] === 'application/json') return
    const begin = text.slice(0, 4)
    if (status === 206 ? begin !== `<${path}` : !text.startsWith(`<${path} `) || !text.endsWith('!'))
      wrong.push(`${path}: ${status} ${text.slice(0, 40)}`)
    const [, whose] = /^<\/p\d (\S+)>/.exec(text) ?? []
    if (whose !== undefined && whose !== 'all' && whose !== user) wrong.push(`${user} was given what is ${whose}'s`)
  }

  async function leave(): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET /p${random(8)} HTTP/1.1\r\nHost: a\r\nX-User: left\r\n\r\n`)
    await new Promise((resolve) => setTimeout(resolve, random(30)))
    socket.destroy()
  }

  const runs = Array.from({ length: clients }, async (_, i) => {
    for (let n = 0; n < requestsPerClient; n++) {
      const dice = random(20)
      if (dice === 0) await leave()
      else if (dice === 1)
        await edge.purge(
          [{ tag: 't1' }, { tag: 't2', soft: true }, { prefix: 'http://a/p1' }][random(3)] as { tag: string },
        )
      else if (dice === 2) clock.shiftMs += random(2000)
      else
        await askAndCheck(`user-${i}`).catch((error: Error) =>
          assert.match(String(error), /aborted|closed|terminated|ECONNRESET/i),
        )
    }
  })
  await Promise.all(runs)
  isOver = true
  assert.deepEqual(wrong.slice(0, 5), [])
  assert.ok(answered > (clients * requestsPerClient) / 2, `${answered} answers`)
  const { requests } = edge.report()
  for (const outcome of ['hit', 'stale', 'revalidated', 'miss', 'coalesced', 'pass'] as const)
    assert.ok(requests[outcome] > 0, `no request was ${outcome}`)
})
