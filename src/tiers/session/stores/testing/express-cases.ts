// Tests of express-session's suite about requests and options; see express-session.test.ts.

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { waitUntil } from '../../../../base/limits.ts'
import type { SessionEngine } from '../../contract.ts'
import { without } from './awaited.ts'
import { type Handle, hitting, idle, minuteMs, numbering, type Served, type Session, waitMs } from './express-server.ts'

/** With the database, unless told otherwise. */
export type Serve = (options: { engine?: SessionEngine; [option: string]: unknown }, handle: Handle) => Promise<Served>
export type Case = (serve: Serve, engine: SessionEngine) => Promise<void>

export const requestCases: Record<string, Case> = {
  async 'should create a new session'(serve) {
    const { get, stored } = await serve({}, numbering())
    const { text, sid } = await get('/')
    assert.equal(text, 'session 1')
    assert.equal((await stored.get(sid))?.['num'], 1)
  },
  async 'should load session from cookie sid'(serve) {
    const { get } = await serve({}, numbering())
    const { cookie } = await get('/')
    assert.equal((await get('/', cookie)).text, 'session 1')
  },
  async 'should pass session fetch error'(serve, engine) {
    const { get } = await serve({ engine: without(engine, 'load') }, numbering())
    const { cookie } = await get('/')
    const { status, text } = await get('/', cookie)
    assert.deepEqual([status, text], [500, 'no database for load'])
  },
  async 'should create multiple sessions'(serve) {
    const { get } = await serve({}, numbering())
    const answers = [await get('/'), await get('/')]
    assert.deepEqual(
      answers.map(({ text }) => text),
      ['session 1', 'session 2'],
    )
    assert.notEqual(answers[0]?.sid, answers[1]?.sid)
  },
  async 'should handle reserved properties in storage'(serve) {
    const { get, stored } = await serve({}, numbering())
    const { sid, cookie } = await get('/')
    const session = await stored.get(sid)
    assert.ok(session)
    session['save'] = 'nope'
    await stored.set(sid, session)
    assert.equal((await get('/', cookie)).text, 'session 1')
  },
  async 'should only have session data enumerable (and cookie)'(serve) {
    const { get } = await serve({}, ({ session }, response) => {
      Object.assign(session, { test1: 1, test2: 'b' })
      response.end(Object.keys(session).sort().join())
    })
    const { text, cookie } = await get('/')
    assert.equal(text, 'cookie,test1,test2')
    assert.equal((await get('/', cookie)).text, 'cookie,test1,test2')
  },
  async 'should not save with bogus req.sessionID'(serve) {
    const { get, calls } = await serve({}, (request, response) => {
      request.sessionID = () => {}
      request.session['test'] = 1
      response.end()
    })
    assert.equal((await get('/')).cookie, '')
    assert.equal(calls.set, 0)
  },
  ...Object.fromEntries(
    Object.entries({
      'should have saved session': (response: ServerResponse) => response.end('saved'),
      'should have saved session even with empty response': (response: ServerResponse) => {
        response.setHeader('Content-Length', '0')
        response.end()
      },
      'should have saved session even with multi-write': (response: ServerResponse) => {
        response.setHeader('Content-Length', '12')
        response.write('hello, ')
        response.end('world')
      },
      'should have saved session even with non-chunked response': (response: ServerResponse) => {
        response.setHeader('Content-Length', '5')
        response.end('saved')
      },
    }).map(([name, end]) => [
      `when response ended: ${name}`,
      async (serve: Serve) => {
        const { get, stored } = await serve({ saveUninitialized: false }, ({ session }, response) => {
          session['user'] = 'bob'
          end(response)
        })
        const { sid } = await get('/')
        assert.equal((await stored.get(sid))?.['user'], 'bob')
      },
    ]),
  ),
  async 'when sid not in store: should create a new session, with a new sid'(serve) {
    const { get, stored } = await serve({}, numbering())
    const one = await get('/')
    await stored.destroy(one.sid)
    const other = await get('/', one.cookie)
    assert.equal(other.text, 'session 2')
    assert.ok(other.sid && other.sid !== one.sid)
  },
  async 'when sid not properly signed: should generate new session, and not attempt fetch from store'(serve) {
    const { get, calls } = await serve({}, numbering())
    const one = await get('/')
    const other = await get('/', `${one.cookie}6`)
    assert.equal(other.text, 'session 2')
    assert.equal(calls.get, 0)
  },
  async 'when session expired in store: should create a new session, with a new sid, and not exist in store'(serve) {
    const { get, stored } = await serve({ cookie: { maxAge: 5 } }, numbering())
    const one = await get('/')
    await waitUntil(async () => !(await stored.get(one.sid)), { what: 'the end', timeoutMs: waitMs })
    const other = await get('/', one.cookie)
    assert.equal(other.text, 'session 2')
    assert.notEqual(other.sid, one.sid)
  },
  async 'when session without cookie property in store: should pass error from inflate'(serve) {
    const { get, stored } = await serve({}, numbering())
    const { sid, cookie } = await get('/')
    await stored.set(sid, { foo: 'bar' })
    const { status, text } = await get('/', cookie)
    assert.equal(status, 500)
    assert.match(text, /Cannot read prop/)
  },
  async 'rolling option: should force cookie on unmodified session'(serve) {
    const { get } = await serve({ rolling: true }, numbering())
    const { cookie } = await get('/')
    assert.equal((await get('/', cookie)).cookie, cookie)
  },
  async 'rolling option: should not force cookie on uninitialized session if saveUninitialized option is set to false'(
    serve,
  ) {
    const { get, calls } = await serve({ rolling: true, saveUninitialized: false }, idle)
    assert.equal((await get('/')).cookie, '')
    assert.equal(calls.set, 0)
  },
  async 'rolling option: should force cookie and save uninitialized session if saveUninitialized option is set to true'(
    serve,
  ) {
    const { get, stored } = await serve({ rolling: true, saveUninitialized: true }, idle)
    assert.ok(await stored.get((await get('/')).sid))
  },
  async 'rolling option: should force cookie and save modified session even if saveUninitialized option is set to false'(
    serve,
  ) {
    const { get, stored } = await serve({ rolling: true, saveUninitialized: false }, hitting)
    assert.ok(await stored.get((await get('/')).sid))
  },
  async 'resave option: when true: should force save on unmodified session'(serve) {
    const { get, calls } = await serve({ resave: true }, hitting)
    const { cookie } = await get('/')
    await get('/', cookie)
    assert.equal(calls.set, 2)
  },
  async 'resave option: when false: should prevent save on unmodified session'(serve) {
    const { get, calls } = await serve({ resave: false }, hitting)
    const { cookie } = await get('/')
    await get('/', cookie)
    assert.deepEqual([calls.set, calls.touch], [1, 1])
  },
  async 'resave option: when false: should still save modified session'(serve) {
    const { get, calls } = await serve({ resave: false }, ({ session, url }, response) => {
      if (url !== '/') session['token'] = url
      response.end(String(session['token']))
    })
    const { cookie } = await get('/w6RHhwaA')
    assert.deepEqual([(await get('/', cookie)).text, calls.set], ['/w6RHhwaA', 1])
    assert.deepEqual([(await get('/zfQ3rzM3', cookie)).text, calls.set], ['/zfQ3rzM3', 2])
    assert.equal((await get('/', cookie)).text, '/zfQ3rzM3')
  },
  async 'resave option: when false: should detect a "cookie" property as modified'(serve) {
    const { get, calls, stored } = await serve({ resave: false }, ({ session }, response) => {
      session['user'] ??= { cookie: 0 }
      ;(session['user'] as { cookie: number }).cookie++
      response.end()
    })
    const { cookie, sid } = await get('/')
    await get('/', cookie)
    assert.equal(calls.set, 2)
    assert.deepEqual((await stored.get(sid))?.['user'], { cookie: 2 })
  },
  async 'saveUninitialized option: should prevent save of uninitialized session, and it from being touched'(serve) {
    const { get, calls } = await serve({ saveUninitialized: false, cookie: { maxAge: minuteMs } }, idle)
    assert.equal((await get('/')).cookie, '')
    assert.deepEqual([calls.set, calls.touch], [0, 0])
  },
  async 'saveUninitialized option: should still save modified session'(serve) {
    const { get, stored } = await serve({ saveUninitialized: false }, hitting)
    assert.ok(await stored.get((await get('/')).sid))
  },
  async 'saveUninitialized option: should pass session save error'(serve, engine) {
    const { get, errors } = await serve({ engine: without(engine, 'create') }, hitting)
    assert.equal((await get('/')).status, 200)
    await waitUntil(() => errors.length > 0, { what: 'the error', timeoutMs: waitMs })
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['no database for create'],
    )
  },
  async 'unset option: should default to keep'(serve) {
    const { get, stored } = await serve({}, unsetting('the second'))
    const { cookie, sid } = await get('/')
    await get('/', cookie)
    assert.equal((await stored.get(sid))?.['count'], 1)
  },
  async 'unset option: should allow destroy on req.session = null'(serve) {
    const { get, stored } = await serve({ unset: 'destroy' }, unsetting('the second'))
    const { cookie, sid } = await get('/')
    assert.ok(await stored.get(sid))
    await get('/', cookie)
    assert.equal(await stored.get(sid), undefined)
  },
  async 'unset option: should not set cookie if initial session destroyed'(serve) {
    const { get, calls } = await serve({ unset: 'destroy' }, unsetting('the first'))
    assert.equal((await get('/')).cookie, '')
    assert.equal(calls.set, 0)
  },
  async 'unset option: should pass session destroy error'(serve, engine) {
    const { get, errors } = await serve(
      { unset: 'destroy', engine: without(engine, 'destroy') },
      unsetting('the first'),
    )
    assert.equal((await get('/')).status, 200)
    await waitUntil(() => errors.length > 0, { what: 'the error', timeoutMs: waitMs })
    assert.equal(errors[0]?.message, 'no database for destroy')
  },
}

/** Counts, and lets the session go at one of the requests. */
function unsetting(which: 'the first' | 'the second'): Handle {
  return (request, response) => {
    const count = Number(request.session['count'] ?? 0) + 1
    request.session['count'] = count
    if (count === (which === 'the first' ? 1 : 2)) (request as { session: Session | null }).session = null
    response.end()
  }
}
