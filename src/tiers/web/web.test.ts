// The web tier over real sockets: ids, errors, limits, health, assets, and when sessions are opened and saved.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { openChannel } from '../../base/channels.ts'
import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { DrainableServer } from '../../net/drainable-server.ts'
import type { Session, SessionFields } from '../session/contract.ts'
import { openAssets } from './assets/assets.ts'
import type { App, Tiers } from './contract.ts'
import { openWeb, type Web } from './web.ts'

const lines: Array<Record<string, unknown>> = []
let notReady: string | undefined
let requestsMax = 100
let base = ''
let web: Web
let server: DrainableServer
let appDir: string

const app: App = {
  setup({ http }) {
    http.get('/hello', async () => ({ hello: 'world' }))
    http.post('/echo', async (request) => request.body)
    http.get('/bug', async () => {
      throw new Error('a secret of ours')
    })
    http.get('/refuse', async () => {
      throw new TenfoldError('not-found', 'no user 7')
    })
    http.get('/busy', async () => {
      throw new TenfoldError('overloaded', '100 wait already')
    })
    http.get('/lost', async () => {
      throw new TenfoldError('outcome-unknown', 'the connection broke')
    })
    http.get('/log', async (request) => {
      request.log.info('a line')
      return {}
    })
    http.get(
      '/number/:n',
      { schema: { params: { type: 'object', properties: { n: { type: 'integer' } } } } },
      async (request) => request.params,
    )
    http.post<{ Body: { as?: string } }>('/login', async (request) => {
      request.session.userId = request.body.as ?? '7'
      return {}
    })
    http.get('/me', async (request) => ({ userId: request.session.userId ?? null }))
    http.get('/page', async (_request, reply) => reply.type('text/html').send('<p>page</p>'))
  },
}

before(async () => {
  appDir = await mkdtemp(join(tmpdir(), 'tenfold-web-'))
  await mkdir(join(appDir, 'public'))
  await writeFile(join(appDir, 'public', 'app.css'), 'body{}')
  await writeFile(join(appDir, 'secret.txt'), 'secret')
  const log = pino(new Writable({ write: (line, _encoding, done) => done(void lines.push(JSON.parse(String(line)))) }))
  web = await openWeb({
    app,
    assets: await openAssets(join(appDir, 'public'), join(appDir, 'deployed')),
    tiers: { log } as unknown as Tiers<unknown>,
    sessions: { empty: emptyMapSession, open: openMapSession, save: saveMapSession },
    node: 'us-east/web-1',
    bodyBytesMax: 1000,
    get requestsMax() {
      return requestsMax
    },
    inFlight: () => server.inFlight,
    notReady: () => notReady,
  })
  server = new DrainableServer(web.handle)
  await server.listen({ address: '127.0.0.1', port: 0 })
  base = `http://127.0.0.1:${server.address()?.port}`
})

after(async () => {
  await server.drain(0)
  await web.close()
  await rm(appDir, { recursive: true })
})

// Sessions for this file alone: what is tested here is when the web tier opens and saves them.
const stored = new Map<string, SessionFields>()
let opened = 0
type MapSession = Session & { fields: Record<string, string>; isChanged: boolean }

async function openMapSession(cookie: string): Promise<MapSession> {
  opened++
  if (cookie === 'sid=broken') throw new TenfoldError('unavailable', 'the database moves')
  return mapSession(stored.get(cookie))
}

function emptyMapSession(): MapSession {
  opened++
  return mapSession({})
}

function mapSession(fields: SessionFields = {}): MapSession {
  const session = { fields: { ...fields } as Record<string, string>, isChanged: false }
  return Object.defineProperty(session, 'userId', {
    get: () => session.fields['userId'],
    set(value: string) {
      session.fields['userId'] = value
      session.isChanged = true
    },
  }) as unknown as MapSession
}

async function saveMapSession(session: Session): Promise<string | undefined> {
  const { fields, isChanged } = session as MapSession
  if (!isChanged) return undefined
  if (fields['userId'] === 'lost') throw new TenfoldError('unavailable', 'the database moves')
  stored.set('sid=1', fields)
  return 'sid=1'
}

async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  const body = (await response.json()) as { error: { code: string; message: string } }
  assert.deepEqual(Object.keys(body), ['error'])
  return { status: response.status, ...body.error }
}

const post = (path: string, body: string, type = 'application/json') =>
  fetch(base + path, { method: 'POST', body, headers: { 'content-type': type } })

describe('the web tier', () => {
  it('sends what a handler returns and does not say what it is made of', async () => {
    const response = await fetch(`${base}/hello`)
    assert.deepEqual(await response.json(), { hello: 'world' })
    assert.equal(response.headers.get('x-powered-by'), null)
    assert.equal(response.headers.get('server'), null)
  })

  it('gives every answer a request id and keeps a sane one that came in', async () => {
    const ids = await Promise.all(
      ['/hello', '/hello', '/nothing', '/bug', '/-/live', '/assets/app.css', '/%zz'].map(
        async (path) => (await fetch(base + path)).headers.get('x-request-id') ?? `none for ${path}`,
      ),
    )
    assert.equal(new Set(ids).size, 7, ids.join(' '))
    assert.ok(
      ids.every((id) => /^[\w-]{12}-\w+$/.test(id)),
      ids.join(' '),
    )
    const given = async (id: string) =>
      (await fetch(`${base}/hello`, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    assert.equal(await given('abc:7/x'), 'abc:7/x')
    for (const bad of ['two words', 'x'.repeat(129), '"quoted"']) assert.notEqual(await given(bad), bad)
  })

  it('tells wrong callers what is wrong, always in one shape', async () => {
    assert.deepEqual(await errorOf(await fetch(`${base}/nothing?x=1`)), {
      status: 404,
      code: 'not-found',
      message: 'there is nothing at GET /nothing',
    })
    const cases: Array<[Promise<Response>, number, string]> = [
      [post('/echo', '{"a":'), 400, 'bad-input'],
      [post('/echo', JSON.stringify({ a: 'x'.repeat(2000) })), 413, 'too-large'],
      [post('/echo', '<a/>', 'application/xml'), 415, 'bad-input'],
      [post('/echo', '{"__proto__":{"a":1}}'), 400, 'bad-input'],
      [fetch(`${base}/number/seven`), 400, 'bad-input'],
      [fetch(`${base}/refuse`), 404, 'not-found'],
      [fetch(`${base}/%zz`), 400, 'bad-input'],
      [fetch(`${base}/assets/none.css`), 404, 'not-found'],
      [fetch(`${base}/hello`, { method: 'DELETE' }), 404, 'not-found'],
    ]
    for (const [response, status, code] of cases) {
      const error = await errorOf(await response)
      assert.deepEqual([error.status, error.code], [status, code], error.message)
      assert.ok(error.message.length > 5)
    }
    assert.equal(lines.filter((line) => Number(line['level']) >= 50).length, 1, 'only /bug was logged as an error')
  })

  it('says nothing about our own faults, and logs them with the request id and the trace', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const response = await fetch(`${base}/bug`, {
      headers: { 'x-request-id': 'find-me', traceparent: `00-${trace}-00f067aa0ba902b7-01` },
    })
    const error = await errorOf(response)
    assert.deepEqual([error.status, error.code], [500, 'internal'])
    assert.doesNotMatch(error.message, /secret/)
    const line = lines.find(({ requestId }) => requestId === 'find-me')
    assert.equal(line?.['traceId'], trace)
    assert.match(JSON.stringify(line), /a secret of ours/)
    assert.equal((await errorOf(await fetch(`${base}/lost`))).code, 'outcome-unknown')
  })

  it('overload is 503 with Retry-After, and health answers all the same', async () => {
    const busy = await fetch(`${base}/busy`)
    assert.equal(busy.headers.get('retry-after'), '1')
    assert.deepEqual(await errorOf(busy), { status: 503, code: 'overloaded', message: '100 wait already' })
    requestsMax = 0
    try {
      assert.equal((await errorOf(await fetch(`${base}/hello`))).code, 'overloaded')
      assert.equal((await fetch(`${base}/-/live`)).status, 200)
    } finally {
      requestsMax = 100
    }
  })

  it('is live and ready, and says why it is not ready', async () => {
    assert.deepEqual(await (await fetch(`${base}/-/ready`)).json(), { status: 'ready' })
    notReady = 'it stops'
    const error = await errorOf(await fetch(`${base}/-/ready`))
    assert.deepEqual([error.status, error.message], [503, 'not ready: it stops'])
    assert.equal((await fetch(`${base}/-/live`)).status, 200)
    notReady = undefined
  })

  it('serves assets with validators and nothing outside of their directory', async () => {
    const response = await fetch(`${base}/assets/app.css`)
    assert.equal(await response.text(), 'body{}')
    assert.match(response.headers.get('content-type') ?? '', /text\/css/)
    const etag = response.headers.get('etag') ?? ''
    assert.ok(etag)
    const again = await fetch(`${base}/assets/app.css`, {
      headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
    })
    assert.equal(again.status, 304)
    for (const path of ['/assets/../secret.txt', '/assets/%2e%2e/secret.txt', '/assets/..%2fsecret.txt', '/assets/'])
      assert.ok([400, 403, 404].includes((await fetch(base + path)).status), path)
  })

  it('opens a session on the routes of the app only, and saves it before the answer leaves', async () => {
    opened = 0
    for (const path of ['/-/live', '/assets/app.css', '/nothing']) await fetch(base + path)
    assert.equal(opened, 0)
    const login = await post('/login', '{}')
    assert.equal(login.headers.get('set-cookie'), 'sid=1')
    assert.equal(login.headers.get('cache-control'), 'no-store')
    assert.deepEqual(stored.get('sid=1'), { userId: '7' })
    const me = await fetch(`${base}/me`, { headers: { cookie: 'sid=1' } })
    assert.deepEqual(await me.json(), { userId: '7' })
    assert.equal(me.headers.get('set-cookie'), null)
    const lost = await post('/login', '{"as":"lost"}')
    assert.equal((await errorOf(lost)).status, 503, 'an answer whose session was not kept is no success')
    const broken = await fetch(`${base}/me`, { headers: { cookie: 'sid=broken' } })
    assert.equal((await errorOf(broken)).code, 'unavailable')
  })

  it('tells listeners what was asked, by route and not by path', async () => {
    const heard: unknown[] = []
    const stop = openChannel('tenfold:request').subscribe(({ method, route, status }) =>
      heard.push(`${method} ${route} ${status}`),
    )
    await fetch(`${base}/number/7`)
    await fetch(`${base}/nothing`)
    await waitUntil(() => heard.length === 2, { what: 'two messages', timeoutMs: 5000 })
    stop()
    assert.deepEqual(heard, ['GET /number/:n 200', 'GET (none) 404'])
  })

  it('an error that setup throws is the error of opening', async () => {
    const open = (broken: App) =>
      openWeb({
        app: broken,
        tiers: { log: pino({ level: 'silent' }) } as unknown as Tiers<unknown>,
        sessions: { empty: emptyMapSession, open: openMapSession, save: saveMapSession },
        node: 'us-east/web-1',
        bodyBytesMax: 1000,
        requestsMax: 100,
        inFlight: () => 0,
        notReady: () => undefined,
      })
    const setup = () => {
      throw new Error('no such table')
    }
    await assert.rejects(open({ setup }), /no such table/)
  })
})
