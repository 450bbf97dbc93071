// The store under the libraries that it is for, with a real database: what their stores have to do, and what stores by whole
// session cannot, many requests at the same time.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it, type TestContext } from 'node:test'
import { fastify } from 'fastify'
import { startTestPostgres, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { openPostgresSessions, type PostgresSessions } from '../../../session-store.ts'
import { newSessionId } from '../cookie.ts'
import { openUserSessions } from '../user-sessions.ts'
import { sessionStoreFor } from './session-store.ts'
import { awaited } from './testing/awaited.ts'

// Their types say that every request of Fastify has another session than ours.
const require = createRequire(import.meta.url)
const expressSession = require('express-session')
const fastifyCookie = require('@fastify/cookie')
const fastifySession = require('@fastify/session')

const dayMs = 86_400_000
const secret = 'a secret of the tests, of 32 letters and more'

let postgres: TestPostgres
let engine: PostgresSessions

before(async () => {
  postgres = await startTestPostgres()
  const { address, port, secrets } = postgres
  engine = await openPostgresSessions(`postgres://owner:${secrets.owner}@${address}:${port}/app`)
})

after(async () => {
  await engine.close()
  await postgres.stop()
})

const ExpressStore = () => new (sessionStoreFor(expressSession.Store as new () => object))(engine)

describe('a store, method by method', () => {
  const cookie = { originalMaxAge: dayMs }

  it('gives back what JSON can say, and null where that was set', async () => {
    const store = awaited(ExpressStore())
    const sid = newSessionId()
    assert.equal(await store.get(sid), undefined)
    const session = { cookie, text: 'ü', n: 0, list: [1, { deep: null }], nothing: null, gone: undefined, f: () => 1 }
    await store.set(sid, session)
    assert.deepEqual(await store.get(sid), { cookie, text: 'ü', n: 0, list: [1, { deep: null }], nothing: null })
  })

  it('an object that was never loaded replaces what is there; a loaded one changes what it changed', async () => {
    const store = awaited(ExpressStore())
    const sid = newSessionId()
    await store.set(sid, { cookie, a: 1, b: 1, c: { d: 1 } })
    await store.set(sid, { cookie, a: 2, b: 1, c: { d: 1 } })
    const [one, two] = [await store.get(sid), await store.get(sid)]
    assert.ok(one && two)
    delete one['b']
    ;(one['c'] as { d: number }).d = 2
    two['e'] = null
    await store.set(sid, two)
    await store.set(sid, one)
    assert.deepEqual(await store.get(sid), { cookie, a: 2, c: { d: 2 }, e: null })
    one['f'] = 1
    await store.set(sid, one)
    two['a'] = 3
    await store.set(sid, two)
    assert.deepEqual(await store.get(sid), { cookie, a: 3, c: { d: 2 }, e: null, f: 1 })
  })

  it('ends a session with its cookie, lets use prolong it, and is quiet about one that is not there', async () => {
    const store = awaited(ExpressStore())
    const [past, kept] = [newSessionId(), newSessionId()]
    await store.set(past, { cookie: { originalMaxAge: null, expires: new Date(Date.now() - 1000) } })
    assert.equal(await store.get(past), undefined)
    await store.set(kept, { cookie: { originalMaxAge: null, expires: new Date(Date.now() + dayMs).toISOString() } })
    assert.ok(((await engine.load(kept))?.idleLeftMs ?? 0) > dayMs / 2)
    await store.touch(kept, { cookie: { originalMaxAge: 10 * dayMs } })
    assert.ok(((await engine.load(kept))?.idleLeftMs ?? 0) > 9 * dayMs)
    await store.destroy(kept)
    await store.destroy(kept)
    await store.touch(kept, { cookie })
    assert.equal(await store.get(kept), undefined)
  })

  it('writes each use where it is asked to, and takes dates and ages that no database can hold', async () => {
    const eager = awaited(new (sessionStoreFor(expressSession.Store as new () => object))(engine, { touchShare: 0 }))
    const [used, odd] = [newSessionId(), newSessionId()]
    await eager.set(used, { cookie, n: 1 })
    for (const [store, isWritten] of [
      [awaited(ExpressStore()), false],
      [eager, true],
    ] as const) {
      const session = await store.get(used)
      assert.ok(session)
      session.cookie = { originalMaxAge: dayMs + 1 }
      await store.touch(used, session)
      assert.deepEqual((await store.get(used))?.cookie, isWritten ? session.cookie : cookie)
    }
    for (const wrong of [
      { originalMaxAge: Number.NaN },
      { originalMaxAge: 1e18 },
      { expires: new Date(Number.NaN) },
      undefined,
    ]) {
      await eager.set(odd, { cookie: wrong, n: 1 })
      assert.equal((await eager.get(odd))?.['n'], 1)
    }
  })

  it('a logout beside a request stays one', async () => {
    const store = awaited(ExpressStore())
    const sid = newSessionId()
    await store.set(sid, { cookie, userId: '7' })
    const session = await store.get(sid)
    await store.destroy(sid)
    await store.set(sid, { ...session }).then(() => store.destroy(sid)) // one that was copied is another one
    assert.ok(session)
    session['late'] = true
    await store.set(sid, session)
    assert.equal(await store.get(sid), undefined)
  })

  it('tells errors by the callback, with our codes', async () => {
    const store = awaited(ExpressStore())
    await assert.rejects(store.set(newSessionId(), { cookie, big: 'x'.repeat(300_000) }), { code: 'too-large' })
    const circle: Record<string, unknown> = { cookie }
    circle['self'] = circle
    await assert.rejects(store.set(newSessionId(), circle), TypeError)
  })

  it('sessions of its users are found and revoked', async () => {
    const store = awaited(ExpressStore())
    const [sid, userId] = [newSessionId(), newSessionId()]
    await store.set(sid, { cookie, userId })
    const users = openUserSessions(engine)
    assert.deepEqual(
      (await users.list(userId)).map(({ id }) => id),
      [sid],
    )
    assert.equal(await users.revokeAll(userId), 1)
    assert.equal(await store.get(sid), undefined)
  })
})

/** What an app does with its session, the same in both libraries; each answers what it found. */
interface Stored extends Record<string, unknown> {
  cookie: { maxAge: number | null }
}
type Regenerate = () => Promise<void>

const actions: Record<string, (session: Stored, url: URL, regenerate: Regenerate) => unknown> = {
  '/set': async (session, { searchParams }) => {
    const [field, ms] = [searchParams.get('field') as string, Number(searchParams.get('ms') ?? 0)]
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
    session[field] = Number(searchParams.get('value') ?? 1)
  },
  '/delete': (session, { searchParams }) => {
    delete session[searchParams.get('field') as string]
  },
  '/all': (session) => session,
  '/login': async (_session, _url, regenerate) => regenerate(),
}

interface Client {
  get(path: string): Promise<Record<string, unknown>>
  cookie(): string
  stop(): Promise<void>
}

async function clientOf(url: string, stop: () => Promise<void>): Promise<Client> {
  let cookie = ''
  return {
    stop,
    cookie: () => cookie,
    async get(path) {
      const response = await fetch(url + path, { headers: cookie ? { cookie } : {} })
      const [set] = response.headers.getSetCookie()
      if (set) cookie = set.slice(0, set.indexOf(';'))
      assert.equal(response.status, 200, `${path}: ${response.status}`)
      return (await response.json()) as Record<string, unknown>
    },
  }
}

type ExpressRequest = IncomingMessage & { session: Stored & { regenerate(done: (error?: unknown) => void): void } }

/** As express runs a middleware and a handler. */
async function expressClient(): Promise<Client> {
  const middleware = expressSession({
    store: ExpressStore(),
    ...{ secret, resave: false, saveUninitialized: false, cookie: { maxAge: dayMs } },
  }) as (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void
  const handle = async (request: ExpressRequest, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const regenerate = () =>
      new Promise<void>((resolve, reject) => request.session.regenerate((error) => (error ? reject(error) : resolve())))
    if (url.pathname === '/logout')
      await new Promise<void>((resolve) =>
        (request.session as never as { destroy(done: () => void): void }).destroy(resolve),
      )
    else await actions[url.pathname]?.(request.session, url, regenerate)
    if (url.pathname === '/login') request.session['userId'] = '7'
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.session ?? {}))
  }
  const listener: RequestListener = (request, response) =>
    middleware(request, response, (error) => {
      if (error) response.writeHead(500).end()
      else void handle(request as ExpressRequest, response)
    })
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop)
}

async function fastifyClient(): Promise<Client> {
  const app = fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    store: new (sessionStoreFor())(engine),
    ...{ secret, saveUninitialized: false, cookie: { secure: false, maxAge: dayMs } },
  })
  for (const path of [...Object.keys(actions), '/logout'])
    app.get(path, async (request) => {
      const theirs = () => request.session as never as Stored & { regenerate: Regenerate; destroy(): Promise<void> }
      if (path === '/logout') {
        await theirs().destroy()
        return {}
      }
      await actions[path]?.(theirs(), new URL(request.url, 'http://localhost'), () => theirs().regenerate())
      if (path === '/login') theirs()['userId'] = '7'
      return JSON.parse(JSON.stringify(theirs()))
    })
  return clientOf(await app.listen({ host: '127.0.0.1', port: 0 }), () => app.close())
}

for (const [name, open] of Object.entries({ 'express-session': expressClient, '@fastify/session': fastifyClient }))
  describe(name, () => {
    const opened = async (t: TestContext) => {
      const client = await open()
      t.after(() => client.stop())
      return client
    }
    const fieldsOf = async (client: Client) => {
      const { cookie: _, ...fields } = await client.get('/all')
      return fields
    }

    it('50 requests at the same time on one session keep all 50 fields', async (t) => {
      const client = await opened(t)
      await client.get('/set?field=first')
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => client.get(`/set?field=f${i}&value=${i}&ms=${(i % 5) * 10}`)),
      )
      const expected = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, i]))
      assert.deepEqual(await fieldsOf(client), { first: 1, ...expected })
    })

    it('a field that one request deletes and another never touched is deleted', async (t) => {
      const client = await opened(t)
      await client.get('/set?field=a')
      await client.get('/set?field=b')
      await Promise.all([client.get('/set?field=c&ms=100'), client.get('/delete?field=a')])
      assert.deepEqual(await fieldsOf(client), { b: 1, c: 1 })
    })

    it('a login gives another id, under which the old fields are gone; a logout ends it for requests beside it', async (t) => {
      const client = await opened(t)
      await client.get('/set?field=cart')
      const before = client.cookie()
      await client.get('/login')
      assert.notEqual(client.cookie(), before)
      assert.deepEqual(await fieldsOf(client), { userId: '7' })
      const user = client.cookie()
      await Promise.all([client.get('/set?field=late&ms=200'), client.get('/logout')])
      assert.equal(await engine.load(sidOf(user)), undefined)
      assert.deepEqual(await fieldsOf(client), {})
    })

    it('what is only read is not written, and leaves nothing of ours in it', async (t) => {
      const client = await opened(t)
      await client.get('/set?field=a')
      const sid = sidOf(client.cookie())
      const before = await engine.load(sid)
      const all = await client.get('/all')
      assert.deepEqual(Object.keys(all).sort(), ['a', 'cookie'])
      const stored = await engine.load(sid)
      assert.deepEqual(stored?.fields, before?.fields)
      assert.ok((stored?.idleLeftMs ?? 0) <= (before?.idleLeftMs ?? 0), 'its idle time ran on')
    })
  })

/** Of `connect.sid=s%3A<sid>.<signature>` and `sessionId=<sid>.<signature>`. */
function sidOf(cookie: string): string {
  const value = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1)).replace(/^s:/, '')
  return value.slice(0, value.lastIndexOf('.'))
}
