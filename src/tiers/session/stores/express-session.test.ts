// What express-session's own suite asks of a store, over ours with a real database.
//
// The npm package does not carry the suite (github.com/expressjs/session, test/session.js, MIT). So these are written anew, under
// the names of its tests, against what the published package does in public: all of its tests of version 1.19.0 in which the store
// has a part. Left out are those of the library alone (proxy, cookie attributes, genid, key, name, secret, res.end, cookieParser),
// those of stores that answer at once or with ENOENT, which ours never does, and those of `all`, `length` and `clear`, which
// express-session does not call.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { startTestPostgres, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { openPostgresSessions, type PostgresSessions } from '../../../session-store.ts'
import { without } from './testing/awaited.ts'
import { type Case, requestCases, type Serve } from './testing/express-cases.ts'
import { hitting, minuteMs, type Request, type Served, serve, tick, waitMs } from './testing/express-server.ts'

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

const sessionCases: Record<string, Case> = {
  async 'req.session: should persist'(serve) {
    const { get } = await serve({}, ({ session }, response) => {
      session['count'] = Number(session['count'] ?? 0) + 1
      response.end(`hits: ${session['count']}`)
    })
    const { cookie } = await get('/')
    assert.equal((await get('/', cookie)).text, 'hits: 2')
    assert.equal((await get('/', cookie)).text, 'hits: 3')
  },
  async 'req.session: should only set-cookie when modified'(serve) {
    const { get } = await serve({ cookie: { maxAge: minuteMs } }, ({ session, url }, response) => {
      if (url === '/') session['count'] = Number(session['count'] ?? 0) + 1
      response.end(String(session['count']))
    })
    const { cookie } = await get('/')
    const modified = await get('/', cookie)
    const read = await get('/read', cookie)
    assert.deepEqual([modified.text, modified.cookie], ['2', cookie])
    assert.deepEqual([read.text, read.cookie], ['2', ''])
  },
  async 'req.session: should not be set if store is disconnected, and be set when store reconnects'(serve) {
    const { get, store } = await serve({}, ({ session }, response) => {
      response.end(typeof session)
    })
    store.emit('disconnect')
    assert.equal((await get('/')).text, 'undefined')
    store.emit('connect')
    assert.equal((await get('/')).text, 'object')
  },
  async '.destroy(): should destroy the previous session'(serve) {
    const { get, stored } = await serve({}, ({ session, url }, response) => {
      if (url === '/') response.end()
      else session.destroy((error) => response.writeHead(error ? 500 : 200).end())
    })
    const { cookie, sid } = await get('/')
    const answer = await get('/out', cookie)
    assert.deepEqual([answer.status, answer.cookie], [200, ''])
    assert.equal(await stored.get(sid), undefined)
  },
  async '.regenerate(): should destroy/replace the previous session'(serve) {
    const { get, stored } = await serve({}, ({ session, url }, response) => {
      if (url === '/') response.end()
      else session.regenerate((error) => response.writeHead(error ? 500 : 200).end())
    })
    const before = await get('/')
    const after = await get('/again', before.cookie)
    assert.ok(after.sid && after.sid !== before.sid)
    assert.equal(await stored.get(before.sid), undefined)
    assert.ok(await stored.get(after.sid))
  },
  async '.reload(): should reload session from store'(serve) {
    const served = await serve({}, ({ session, url, headers }, response) => {
      session['url'] = url
      if (url !== '/foo') return void response.end(`saw ${url}`)
      void served.get('/bar', headers.cookie).then(() => {
        session.reload((error) => response.end(error?.message ?? `saw ${(response.req as Request).session['url']}`))
      })
    })
    const { cookie } = await served.get('/')
    assert.equal((await served.get('/foo', cookie)).text, 'saw /bar')
  },
  async '.reload(): should error is session missing, however often'(serve) {
    const { get, stored } = await serve({ resave: false }, ({ session, url }, response) => {
      if (url === '/') return hitting({ session } as Request, response)
      let left = 20
      const again = (error?: Error | null) => {
        if (--left === 0) response.writeHead(500).end(error?.message)
        else session.reload(again)
      }
      void stored.destroy(session.id).then(() => session.reload(again))
    })
    const { cookie } = await get('/')
    assert.equal((await get('/gone', cookie)).text, 'failed to load session')
  },
  async '.save(): should save session to store'(serve, engine) {
    const { get } = await serve({}, ({ session }, response) => {
      session['hit'] = true
      session.save((error) => {
        if (error) response.end(error.message)
        else void engine.load(session.id).then((found) => response.end(found ? 'stored' : 'empty'))
      })
    })
    assert.equal((await get('/')).text, 'stored')
  },
  ...Object.fromEntries(
    [true, false].flatMap((saveUninitialized) =>
      ['session', 'reloaded session'].map((which) => [
        `.save(): should prevent end-of-request save on ${which}, saveUninitialized ${saveUninitialized}`,
        async (serve: Serve) => {
          const { get, calls } = await serve({ saveUninitialized }, (request, response) => {
            request.session['hit'] = true
            const save = () => request.session.save((error) => response.end(error?.message ?? 'saved'))
            if (which === 'session') save()
            else request.session.reload(save)
          })
          const { text, cookie } = await get('/')
          assert.deepEqual([text, calls.set], ['saved', 1])
          assert.deepEqual([(await get('/', cookie)).text, calls.set], ['saved', 2])
        },
      ]),
    ),
  ),
  async '.originalMaxAge: should equal original maxAge for all requests'(serve) {
    const { get } = await serve({ cookie: { maxAge: minuteMs } }, ({ session }, response) => {
      response.end(String(session.cookie.originalMaxAge))
    })
    const { text, cookie } = await get('/')
    const begun = Date.now()
    await tick(begun)
    for (const each of [text, (await get('/', cookie)).text, (await get('/', cookie)).text])
      assert.ok(Number(each) <= minuteMs && Number(each) >= minuteMs - 1, each)
  },
  async '.expires: should set absolute, and be kept as it was set'(serve) {
    const expires = new Date(Date.now() + minuteMs)
    const { get, stored } = await serve({}, ({ session }, response) => {
      session['hit'] = true
      session.cookie.expires = expires
      response.end()
    })
    const { sid } = await get('/')
    assert.equal(new Date((await stored.get(sid))?.cookie?.expires as string).getTime(), expires.getTime())
  },
}

/** Those in which each use has to be written, which ours does when a share of the idle time is gone, unless told otherwise. */
const casesOfEachUse: Record<string, Case> = {
  async 'when response ended: should have saved session with updated cookie expiration'(serve) {
    const { get, stored } = await serve({ cookie: { maxAge: minuteMs } }, ({ session }, response) => {
      session['user'] = 'bob'
      response.end()
    })
    await assertRenewed(get, stored)
  },
  async '.touch(): should reset session expiration'(serve) {
    const { get, stored } = await serve({ resave: false, cookie: { maxAge: minuteMs } }, ({ session }, response) => {
      session['hit'] = true
      session.touch()
      response.end()
    })
    await assertRenewed(get, stored)
  },
  async 'resave option: should pass session touch error'(serve, engine) {
    const { get, errors } = await serve({ resave: false, engine: without(engine, 'merge') }, hitting)
    const { cookie } = await get('/')
    await tick(Date.now()) // of its idle time something has to be gone
    assert.equal((await get('/', cookie)).status, 200)
    await waitUntil(() => errors.length > 0, { what: 'the error', timeoutMs: waitMs })
    assert.equal(errors[0]?.message, 'no database for merge')
  },
}

async function assertRenewed(get: Served['get'], stored: Served['stored']): Promise<void> {
  const { cookie, sid, expires } = await get('/')
  const before = new Date((await stored.get(sid))?.cookie?.expires as string)
  assert.equal(before.toUTCString(), expires)
  await tick(before.getTime() - minuteMs)
  await get('/', cookie)
  const renewed = new Date((await stored.get(sid))?.cookie?.expires as string)
  assert.ok(renewed.getTime() > before.getTime(), `${renewed.toISOString()}`)
}

for (const [name, options, run] of [
  ['each use written', { touchShare: 0 }, { ...requestCases, ...sessionCases, ...casesOfEachUse }],
  ['as it is by default', {}, { ...requestCases, ...sessionCases }],
] as const)
  describe(`express-session's tests of stores, ${name}`, () => {
    for (const [title, work] of Object.entries<Case>(run))
      it(title, (t) => {
        const own: Serve = (rest, handle) => serve(t, options, { engine, ...rest, database: engine }, handle)
        return work(own, engine)
      })
  })
