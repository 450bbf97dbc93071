// Sessions through the control API, with real web processes behind it: those of a user listed and revoked wherever they are,
// and a new cookie key that logs nobody out, whoever hears of it when.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { isTenfoldError, statusOf } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import { doorFileOf } from '../map/home.ts'
import { type MapNode, nodeOf } from '../map/map.ts'
import { readSecrets } from '../map/secrets.ts'
import { startTestSystem, type TestProcess, type TestSystem } from '../processes/testing/test-system.ts'
import { EventLog } from '../supervisor/events.ts'
import { MapKeeper } from '../supervisor/map-keeper.ts'
import { SessionControl } from '../supervisor/sessions.ts'
import { addSessionRoutes } from './session-routes.ts'

const app = `
export { app as default }
const app = {
  setup({ http, sessions }) {
    http.post('/login/:id', async (request) => {
      request.session.userId = request.params.id
      return {}
    })
    http.get('/me', async (request) => ({ userId: request.session.userId ?? null }))
    http.get('/sessions', async (request) => {
      const { id, userId } = request.session
      return (await sessions.list(userId)).map((session) => ({ ...session, isThis: session.id === id }))
    })
    http.post('/logout-elsewhere', async (request) => {
      const { id, userId } = request.session
      return { revoked: await sessions.revokeAll(userId, { except: id }) }
    })
  },
}`

let system: TestSystem
let webs: [TestProcess, TestProcess]
let keeper: MapKeeper
let http: FastifyInstance

before(async () => {
  system = await startTestSystem({ 'app.ts': app })
  webs = [await system.start('us-east/web-1', 'web'), await system.start('us-east/web-2', 'web')]
  for (const web of webs) await web.ready()
  keeper = new MapKeeper(system.home, system.map)
  await keeper.change((draft) => {
    for (const { node, child } of webs) Object.assign(nodeOf(draft, node.id) ?? {}, { pid: child.pid })
  })
  const events = new EventLog(pino({ level: 'silent' }))
  http = fastify()
  http.setErrorHandler((error, _request, reply) =>
    reply.status(statusOf(error)).send({ code: isTenfoldError(error) ? error.code : String(error) }),
  )
  addSessionRoutes(http, { sessions: new SessionControl({ home: system.home, keeper, events }) })
})

after(async () => {
  await http?.close()
  await system?.[Symbol.asyncDispose]()
})

/** The cookie of a new session. */
async function login(web: TestProcess, userId: string): Promise<string> {
  const response = await fetch(`${web.url}/login/${userId}`, { method: 'POST' })
  assert.equal(response.status, 200)
  return cookieIn(response) as string
}

function cookieIn(response: Response): string | undefined {
  const set = response.headers.getSetCookie().find((cookie) => cookie.startsWith('tenfold.sid='))
  return set?.slice(0, set.indexOf(';'))
}

async function userOf(
  web: TestProcess,
  cookie: string,
): Promise<{ userId: string | null; renewed: string | undefined }> {
  const response = await fetch(`${web.url}/me`, { headers: { cookie } })
  return { ...((await response.json()) as { userId: string | null }), renewed: cookieIn(response) }
}

test('the app shows a user where they are logged in, and ends that everywhere else', async () => {
  const [here, there] = [await login(webs[0], 'ada'), await login(webs[1], 'ada')]
  const listed = (await (await fetch(`${webs[0].url}/sessions`, { headers: { cookie: here } })).json()) as Array<{
    isThis: boolean
    createdAt: string
  }>
  assert.deepEqual(listed.map(({ isThis }) => isThis).sort(), [false, true])
  assert.ok(listed.every(({ createdAt }) => Math.abs(Date.now() - Date.parse(createdAt)) < 60_000))
  const done = await fetch(`${webs[0].url}/logout-elsewhere`, { method: 'POST', headers: { cookie: here } })
  assert.deepEqual(await done.json(), { revoked: 1 })
  for (const web of webs) {
    assert.equal((await userOf(web, here)).userId, 'ada')
    assert.equal((await userOf(web, there)).userId, null)
  }
})

test('an operator lists the sessions of a user, without their content, and revokes one or all', async () => {
  const cookies = [await login(webs[0], 'bob'), await login(webs[1], 'bob'), await login(webs[1], 'bob')]
  const other = await login(webs[0], 'bobby')
  const { sessions } = (await http.inject('/api/sessions?user=bob')).json()
  assert.equal(sessions.length, 3)
  for (const session of sessions) assert.deepEqual(Object.keys(session).sort(), ['createdAt', 'id', 'idleLeftMs'])
  const ids = cookies.map((cookie) => cookie.slice('tenfold.sid='.length).split('.')[0])
  assert.deepEqual(sessions.map(({ id }: { id: string }) => id).sort(), ids.toSorted())
  const revoke = async (payload: object) =>
    (await http.inject({ method: 'POST', url: '/api/sessions/revoke', payload })).json()
  assert.deepEqual(await revoke({ id: ids[0] }), { revoked: 1 })
  assert.deepEqual(await revoke({ id: ids[0] }), { revoked: 0 })
  for (const [place, userId] of [null, 'bob', 'bob'].entries())
    assert.equal((await userOf(webs[1], cookies[place] as string)).userId, userId)
  assert.deepEqual(await revoke({ user: 'bob' }), { revoked: 2 })
  for (const cookie of cookies) assert.equal((await userOf(webs[0], cookie)).userId, null)
  assert.equal((await userOf(webs[0], other)).userId, 'bobby')
})

test('what names no user and no session is refused', async () => {
  for (const url of ['/api/sessions', '/api/sessions?user=', '/api/sessions?user=a&more=1'])
    assert.equal((await http.inject(url)).statusCode, 400, url)
  for (const payload of [{}, { user: '' }, { id: 1 }, { user: 'a', id: 'b' }]) {
    const { statusCode } = await http.inject({ method: 'POST', url: '/api/sessions/revoke', payload })
    assert.equal(statusCode, 400, JSON.stringify(payload))
  }
})

test('a new cookie key logs nobody out: not by those who hear of it, nor by one that stands still meanwhile', async () => {
  const cookies = await Promise.all(Array.from({ length: 20 }, (_, i) => login(webs[(i % 2) as 0 | 1], `user${i}`)))
  const secretsBefore = await readSecrets(system.home)
  const rotate = async () => (await http.inject({ method: 'POST', url: '/api/sessions/rotate-key' })).json()

  webs[1].child.kill('SIGSTOP')
  assert.deepEqual(await rotate(), { keys: 2, dropped: 0 })
  // Everybody meets the one that knows: in the same breath they are moved to the new key.
  const moved = await Promise.all(
    cookies.map(async (cookie, i) => {
      const { userId, renewed } = await userOf(webs[0], cookie)
      assert.equal(userId, `user${i}`)
      assert.ok(renewed !== undefined && renewed !== cookie)
      return renewed
    }),
  )
  webs[1].child.kill('SIGCONT')
  // And then the other, which may or may not have heard of it.
  for (const [i, cookie] of moved.entries()) assert.equal((await userOf(webs[1], cookie)).userId, `user${i}`)
  for (const [i, cookie] of cookies.entries()) assert.equal((await userOf(webs[1], cookie)).userId, `user${i}`)
  assert.equal((await userOf(webs[1], moved[0] as string)).renewed, undefined, 'a cookie of the newest key stays')

  assert.deepEqual(await rotate(), { keys: 3, dropped: 0 })
  const newest = await login(webs[1], 'late')
  for (const [i, cookie] of [...cookies, ...moved].entries())
    assert.equal((await userOf(webs[0], cookie)).userId, `user${i % 20}`)
  assert.equal((await userOf(webs[0], newest)).userId, 'late')

  const { cookieKeys, cookieKeysMadeAt: _, ...others } = await readSecrets(system.home)
  assert.deepEqual({ ...others, cookieKeys: cookieKeys.slice(2) }, secretsBefore)
})

test('keys that somebody else has are dropped, and everybody is logged out', async () => {
  const cookie = await login(webs[0], 'fay')
  const rotated = await http.inject({
    method: 'POST',
    url: '/api/sessions/rotate-key',
    payload: { dropsOld: true },
  })
  assert.equal(rotated.json().keys, 1)
  for (const web of webs) {
    const isOut = async () => (await userOf(web, cookie)).userId === null
    await waitUntil(isOut, { what: 'the new key', timeoutMs: 15_000 })
    assert.equal((await userOf(webs[0], await login(web, 'fay'))).userId, 'fay')
  }
  const wrong = await http.inject({ method: 'POST', url: '/api/sessions/rotate-key', payload: { dropOld: true } })
  assert.equal(wrong.statusCode, 400)
})

test('a web process of an older version, which would log people out, is told of before a new key is made', async () => {
  const older = createServer((_request, response) => {
    response.end(
      JSON.stringify({ node: 'us-east/web-9', pid: process.pid, mapVersion: 1, isReady: true, hasEntry: false }),
    )
  }).listen(doorFileOf(system.home, 'us-east/web-9'))
  await once(older, 'listening')
  await keeper.change((draft) => {
    draft.nodes.push({ ...(nodeOf(draft, 'us-east/web-1') as MapNode), id: 'us-east/web-9', pid: process.pid })
  })
  const before = await readSecrets(system.home)
  try {
    const { statusCode, body } = await http.inject({ method: 'POST', url: '/api/sessions/rotate-key' })
    assert.deepEqual([statusCode, JSON.parse(body)], [409, { code: 'conflict' }])
    assert.deepEqual(await readSecrets(system.home), before)
  } finally {
    older.close()
    await keeper.change((draft) => {
      draft.nodes = draft.nodes.filter(({ id }) => id !== 'us-east/web-9')
    })
  }
})

test('cookies that nobody signed are strangers, and cost nobody else anything', async () => {
  const cookie = await login(webs[0], 'eve')
  const forged = `${cookie.slice(0, -8)}AAAAAAAA`
  const seen = await Promise.all(Array.from({ length: 100 }, (_, i) => userOf(webs[1], i % 2 ? cookie : forged)))
  for (const [i, { userId }] of seen.entries()) assert.equal(userId, i % 2 ? 'eve' : null)
})

test('a web process is asked in turn, until one answers; an app that is a program of its own has other sessions', async () => {
  webs[0].child.kill('SIGKILL')
  await login(webs[1], 'carl')
  assert.equal((await http.inject('/api/sessions?user=carl')).json().sessions.length, 1)
  await keeper.change((draft) => {
    for (const node of draft.nodes) if (node.role === 'web') node.state = 'draining'
  })
  assert.equal((await http.inject('/api/sessions?user=carl')).statusCode, 503)
  await keeper.change((draft) => {
    draft.topology.web.command = 'node server.js'
  })
  assert.deepEqual((await http.inject('/api/sessions?user=carl')).json(), { code: 'not-built' })
})
