// What @fastify/session's own suite asks of a store, over ours with a real database.
//
// The npm package does not carry the suite (github.com/fastify/session, test/, MIT). So these are written anew, under the names of
// its tests, against what the published package does in public: those of store.test.js, memorystore.test.js, session.test.js and
// base.test.js at version 11.1.3 in which a store has a part. Left out are those of the library alone (cookie attributes, secrets,
// signers, id generators, cookie prefixes), and those of a store that answers ENOENT or hands out what has ended, which ours never does.

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { after, before, describe, it, type TestContext } from 'node:test'
import { fastify } from 'fastify'
import { waitUntil } from '../../../base/limits.ts'
import { startTestPostgres, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { openPostgresSessions, type PostgresSessions } from '../../../session-store.ts'
import type { SessionEngine } from '../contract.ts'
import { newSessionId } from '../cookie.ts'
import { sessionStoreFor } from './session-store.ts'
import { awaited, without } from './testing/awaited.ts'

// Their types say that every request of Fastify has another session than ours.
const require = createRequire(import.meta.url)
const fastifyCookie = require('@fastify/cookie')
const fastifySession = require('@fastify/session')
const secret = 'a secret of the tests, of 32 letters and more'
const minuteMs = 60_000
const waitMs = 20_000

let postgres: TestPostgres
let engine: PostgresSessions

before(async () => {
  postgres = await startTestPostgres()
  const { address, port, secrets } = postgres
  engine = await openPostgresSessions(`postgres://owner:${secrets.owner}@${address}:${port}/app`)
})

after(async () => {
  await engine?.close()
  await postgres?.stop()
})

const Store = sessionStoreFor()
const open = (own: SessionEngine = engine) => new Store(own, { touchShare: 0 })

interface Session extends Record<string, unknown> {
  sessionId: string
  cookie: { expires: Date | null }
  get(field: string): unknown
  set(field: string, value: unknown): void
  isModified(): boolean
  touch(): void
  save(): Promise<void>
  reload(): Promise<void>
  destroy(): Promise<void>
  regenerate(keep?: string[]): Promise<void>
}

interface Asked {
  /** As the request has it now: some methods replace it. */
  readonly session: Session
  readonly sessionStore: unknown
  readonly path: string
}

interface Answer {
  status: number
  body: Record<string, unknown>
  cookie: string
  sid: string
}

interface Served {
  stored: ReturnType<typeof awaited>
  /** Of the library. */
  calls: { set: number }
  get(path: string, cookie?: string): Promise<Answer>
}

interface Options {
  engine?: SessionEngine
  [option: string]: unknown
}

/** What the handler answers is the body. */
async function serve(t: TestContext, options: Options, handle: (asked: Asked) => object | Promise<object>) {
  const { engine: own, cookie, ...rest } = options
  const store = open(own)
  const calls = { set: 0 }
  const set = store.set.bind(store)
  store.set = (...args) => {
    calls.set++
    set(...args)
  }
  const app = fastify()
  t.after(() => app.close())
  await app.register(fastifyCookie)
  await app.register(fastifySession, { secret, store, cookie: { secure: false, ...(cookie as object) }, ...rest })
  app.get('/*', (request) =>
    handle({
      get session() {
        return request.session as never as Session
      },
      sessionStore: (request as never as { sessionStore: unknown }).sessionStore,
      path: request.url,
    }),
  )
  const served: Served = {
    stored: awaited(open()),
    calls,
    async get(path, cookie) {
      const response = await app.inject({ path, headers: cookie ? { cookie } : {} })
      const value = String(response.headers['set-cookie'] ?? '').split(';')[0] as string
      const signed = decodeURIComponent(value).replace(/^sessionId=/, '')
      const sid = signed.slice(0, Math.max(0, signed.lastIndexOf('.')))
      return { status: response.statusCode, body: response.json(), cookie: value, sid }
    },
  }
  return served
}

const hitting = ({ session }: Asked) => {
  session['userId'] = '42'
  return { found: true }
}

const failures: Record<string, { method: keyof SessionEngine; act(session: Session): Promise<void> }> = {
  'destroy supports rejecting promises': { method: 'destroy', act: (session) => session.destroy() },
  'regenerate supports rejecting promises': { method: 'destroy', act: (session) => session.regenerate() },
  'reload supports rejecting promises': { method: 'load', act: (session) => session.reload() },
  'save supports rejecting promises': { method: 'create', act: (session) => session.save() },
}

describe("@fastify/session's tests of stores", () => {
  it('created store should be an EventEmitter', () => {
    assert.ok(open() instanceof EventEmitter)
  })

  it('should set and get a value for a valid sessionId, and undefined for an invalid one', async () => {
    const store = awaited(open())
    const [sid, invalid] = [newSessionId(), newSessionId()]
    await store.set(sid, { key: 'value' })
    assert.deepEqual(plain(await store.get(sid)), { key: 'value' })
    assert.equal(await store.get(invalid), undefined)
  })

  it('should remove a sessionId, and none if invalidId is provided', async () => {
    const store = awaited(open())
    const sids = [newSessionId(), newSessionId()]
    for (const sid of sids) await store.set(sid, { key: 'value' })
    await store.destroy(newSessionId())
    await store.destroy(sids[0] as string)
    assert.deepEqual(
      [await store.get(sids[0] as string), plain(await store.get(sids[1] as string))],
      [undefined, { key: 'value' }],
    )
  })

  it('should decorate request with sessionStore', async (t) => {
    const { get } = await serve(t, {}, ({ sessionStore }) => ({ isOurs: sessionStore instanceof Store }))
    assert.deepEqual((await get('/')).body, { isOurs: true })
  })

  it('should pass error on store.set to done', async (t) => {
    const { get } = await serve(t, { engine: without(engine, 'create') }, hitting)
    const { status, body, cookie } = await get('/')
    assert.deepEqual([status, body['message'], cookie], [500, 'no database for create', ''])
  })

  it('should pass error to done if non-ENOENT error on store.get', async (t) => {
    const { get } = await serve(t, { engine: without(engine, 'load') }, hitting)
    const { cookie } = await get('/')
    const { status, body } = await get('/', cookie)
    assert.deepEqual([status, body['message']], [500, 'no database for load'])
  })

  for (const saveUninitialized of [true, false])
    it(`should create new session on expired session, saveUninitialized ${saveUninitialized}`, async (t) => {
      const { get, stored } = await serve(t, { saveUninitialized, cookie: { maxAge: 5 } }, hitting)
      const one = await get('/')
      await waitUntil(async () => !(await stored.get(one.sid)), { what: 'the end', timeoutMs: waitMs })
      const other = await get('/', one.cookie)
      assert.equal(other.status, 200)
      assert.ok(other.sid && other.sid !== one.sid)
    })

  it('should return new session cookie if does not exist in store', async (t) => {
    const { get, stored } = await serve(t, {}, hitting)
    const one = await get('/')
    await stored.destroy(one.sid)
    const other = await get('/', one.cookie)
    assert.ok(other.sid && other.sid !== one.sid)
  })

  it('should not set session cookie if no data in session and saveUninitialized is false', async (t) => {
    const { get, calls } = await serve(t, { saveUninitialized: false }, () => ({}))
    assert.equal((await get('/')).cookie, '')
    assert.equal(calls.set, 0)
  })

  it('should save the session properly', async (t) => {
    const { get, stored } = await serve(t, {}, ({ session }) => {
      Object.assign(session, { test: true, nested: { list: [1, null] } })
      return {}
    })
    const { cookie, ...fields } = (await stored.get((await get('/')).sid)) ?? {}
    assert.deepEqual(plain(fields), { test: true, nested: { list: [1, null] } })
    assert.ok(cookie)
  })

  it('should keep user data in session throughout the time', async (t) => {
    const { get } = await serve(t, {}, ({ session, path }) => {
      if (path === '/') session['foo'] = 'bar'
      return { foo: session['foo'] }
    })
    let { cookie } = await get('/')
    for (let i = 0; i < 3; i++) {
      const answer = await get('/check', cookie)
      assert.deepEqual(answer.body, { foo: 'bar' })
      cookie = answer.cookie
    }
  })

  it('should destroy the session', async (t) => {
    const { get, stored } = await serve(t, {}, async ({ session, path }) => {
      if (path === '/out') await session.destroy()
      else session['a'] = 1
      return {}
    })
    const { cookie, sid } = await get('/')
    assert.equal((await get('/out', cookie)).cookie, '')
    assert.equal(await stored.get(sid), undefined)
  })

  it('should generate new sessionId, keeping ignoreFields; regenerate destroys the previous session in the store', async (t) => {
    const { get, stored } = await serve(t, {}, async (asked) => {
      if (asked.path === '/') Object.assign(asked.session, { message: 'hello world', cart: 1 })
      else if (asked.path === '/login') await asked.session.regenerate(['message'])
      return { message: asked.session.get('message'), cart: asked.session.get('cart') }
    })
    const one = await get('/')
    const other = await get('/login', one.cookie)
    assert.ok(other.sid && other.sid !== one.sid)
    assert.deepEqual((await get('/check', other.cookie)).body, { message: 'hello world' })
    assert.equal(await stored.get(one.sid), undefined)
  })

  it('should reload the session, and save the reloaded session', async (t) => {
    const { get, stored } = await serve(t, {}, async (asked) => {
      asked.session['count'] = Number(asked.session['count'] ?? 0) + 1
      if (asked.path === '/') return {}
      await stored.set(asked.session.sessionId, { count: 7 })
      await asked.session.reload()
      const reloaded = asked.session['count']
      asked.session['text'] = 'late'
      await asked.session.save()
      return { reloaded }
    })
    const { cookie, sid } = await get('/')
    assert.deepEqual((await get('/reload', cookie)).body, { reloaded: 7 })
    const session = await stored.get(sid)
    assert.deepEqual([session?.['count'], session?.['text']], [7, 'late'])
  })

  for (const [name, { method, act }] of Object.entries(failures))
    it(name, async (t) => {
      const { get } = await serve(
        t,
        { engine: without(engine, method), saveUninitialized: false },
        async ({ session }) => {
          const error = await act(session).then(
            () => undefined,
            (reason: Error) => reason,
          )
          return { message: error?.message }
        },
      )
      assert.deepEqual((await get('/')).body, { message: `no database for ${method}` })
    })

  it('when rolling is false, only save session when it changes', async (t) => {
    const { get, calls } = await serve(t, { rolling: false, saveUninitialized: false }, hitting)
    const { cookie } = await get('/')
    assert.equal((await get('/', cookie)).cookie, '')
    assert.equal(calls.set, 1)
  })

  it('when rolling is false, only save session when it changes, but once if manually saved', async (t) => {
    const { get, calls } = await serve(t, { rolling: false, saveUninitialized: false }, async ({ session }) => {
      session['userId'] = '42'
      const before = session.isModified()
      await session.save()
      return { before, after: session.isModified() }
    })
    const { body, cookie } = await get('/')
    assert.deepEqual(body, { before: true, after: false })
    assert.ok(cookie)
    assert.equal(calls.set, 1)
  })

  it('when rolling is true, keep saving the session', async (t) => {
    const { get, calls } = await serve(t, { rolling: true, saveUninitialized: false }, hitting)
    const { cookie } = await get('/')
    assert.equal((await get('/', cookie)).cookie, cookie)
    assert.equal(calls.set, 2)
  })

  it('should save session if existing, modified, rolling false, and cookie.expires null', async (t) => {
    const { get, stored, calls } = await serve(t, { rolling: false, cookie: { expires: null } }, ({ session }) => {
      session['count'] = Number(session['count'] ?? 0) + 1
      return {}
    })
    const { cookie, sid } = await get('/')
    await get('/', cookie)
    assert.equal(calls.set, 2)
    assert.equal((await stored.get(sid))?.['count'], 2)
  })

  it('should update the expires property of the session using Session#touch() even if rolling is false', async (t) => {
    const { get } = await serve(t, { rolling: false, cookie: { maxAge: minuteMs } }, async ({ session }) => {
      session.touch()
      return { expires: session.cookie.expires }
    })
    const one = await get('/')
    const begun = Date.now()
    await waitUntil(() => Date.now() > begun + 1, { what: 'a millisecond', timeoutMs: waitMs, intervalMs: 1 })
    assert.notEqual((await get('/', one.cookie)).body['expires'], one.body['expires'])
  })
})

/** As JSON, by which the library sees it: what our store adds for itself is a function. */
function plain(session: unknown): unknown {
  return session && JSON.parse(JSON.stringify(session))
}
