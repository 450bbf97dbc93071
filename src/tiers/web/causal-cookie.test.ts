// The cookie that carries what a user has seen, over real sockets and a real primary with its replica.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { waitUntil } from '../../base/limits.ts'
import { DrainableServer } from '../../net/drainable-server.ts'
import { startTestReplica, type TestPostgres } from '../../programs/postgres/testing.ts'
import { startTestDatabase, type TestDatabase, type TestTables } from '../database/testing.ts'
import type { Session } from '../session/contract.ts'
import type { App, Tiers } from './contract.ts'
import { openWeb, type Web } from './web.ts'

const app: App<TestTables> = {
  setup({ http, db }) {
    const port = async () => (await db.shards()[0]?.query<{ port: number }>('SELECT inet_server_port() AS port'))?.[0]
    http.get('/port', async () => port())
    http.get('/cached', async (_request, reply) => reply.header('cache-control', 'max-age=60').send(await port()))
    http.get('/nothing', async () => ({}))
    http.post<{ Body: { n: string } }>('/write', async ({ body }) => {
      await db
        .of('a')
        .insertInto('counters')
        .values({ user_id: 'a', n: body.n })
        .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ n: body.n }))
        .execute()
      return {}
    })
    http.post('/login', async (request) => {
      request.session.userId = 'a'
      await db.of('a').selectFrom('counters').selectAll().execute()
      return {}
    })
  },
}

/** Sessions for this file alone: one that is saved is told by the cookie that its name has in life. */
function sessionOf(): Session {
  return { userId: undefined } as unknown as Session
}

describe('the cookie of what was seen', () => {
  let database: TestDatabase
  let replica: TestPostgres
  let web: Web
  let server: DrainableServer
  let base = ''

  before(async () => {
    database = await startTestDatabase()
    replica = await startTestReplica(database.server, { slot: 'replica' })
    await database.setReplicas([replica])
    await database.map.refresh()
    const log = pino({ level: 'silent' })
    web = await openWeb({
      app,
      tiers: { db: database.db, log } as unknown as Tiers<TestTables>,
      sessions: {
        empty: sessionOf,
        open: sessionOf,
        save: ({ userId }) => (userId === undefined ? undefined : 'tenfold.sid=1; Path=/'),
      },
      causality: database.db.causality,
      node: 'us-east/web-1',
      bodyBytesMax: 1000,
      requestsMax: 100,
      inFlight: () => server.inFlight,
      notReady: () => undefined,
    })
    server = new DrainableServer(web.handle)
    await server.listen({ address: '127.0.0.1', port: 0 })
    base = `http://127.0.0.1:${server.address()?.port}`
  })
  after(async () => {
    await server?.drain(0)
    await web?.close()
    await database?.stop()
    await replica?.stop()
  })

  const get = (path: string, cookie?: string) => fetch(base + path, cookie === undefined ? {} : { headers: { cookie } })
  const post = (path: string, cookie?: string) =>
    fetch(base + path, {
      method: 'POST',
      body: '{"n":"1"}',
      headers: { 'content-type': 'application/json', ...(cookie !== undefined && { cookie }) },
    })
  const portOf = async (response: Response) => ((await response.json()) as { port: number }).port
  const seen = (response: Response) =>
    response.headers
      .getSetCookie()
      .find((cookie) => cookie.startsWith('tenfold.seen='))
      ?.split(';', 1)[0]

  it('a visitor without cookies reads from a replica and gets none', async () => {
    const isReplicas = async () => {
      const response = await get('/port')
      assert.deepEqual(response.headers.getSetCookie(), [])
      return (await portOf(response)) === replica.port
    }
    await waitUntil(isReplicas, { what: 'a read of the replica', timeoutMs: 10_000 })
  })

  it('a session without a token reads from the primary, and gets the token for its next request', async () => {
    const response = await get('/port', 'tenfold.sid=1')
    assert.match(
      response.headers.getSetCookie().join(),
      /^tenfold\.seen=s1\.1\.[0-9A-F]+; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(await portOf(response), database.server.port)
    const token = seen(response)
    const isReplicas = async () => (await portOf(await get('/port', `tenfold.sid=1; ${token}`))) === replica.port
    await waitUntil(isReplicas, { what: 'a read of the replica', timeoutMs: 10_000 })
  })

  it('a token that is none counts as none: the primary', async () => {
    for (const token of ['', 'unknown', 's1.1', 's1.1.G', 'x'.repeat(5000), 's1.1.1~s1.1.2'])
      assert.equal(await portOf(await get('/port', `tenfold.seen=${token}`)), database.server.port, token)
  })

  it('a write of anybody gives a token, and a request with a body is in its scope', async () => {
    for (const cookie of [undefined, 'tenfold.sid=1', 'tenfold.sid=1; tenfold.seen=s1.1.1'])
      assert.match(seen(await post('/write', cookie)) ?? 'none', /^tenfold\.seen=s1\.1\.[0-9A-F]{2,}$/)
  })

  it('a request whose body comes late is in its scope all the same', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': '9' }
    const late = request(`${base}/write`, { method: 'POST', headers })
    const answered = once(late, 'response')
    late.flushHeaders()
    // The head has been read when another request has been answered.
    await get('/nothing')
    late.end('{"n":"2"}')
    const [response] = (await answered) as [IncomingMessage]
    response.resume()
    assert.match(String(response.headers['set-cookie']), /^tenfold\.seen=/)
  })

  it('an answer that sets the session does not begin a token, but carries on one that is kept', async () => {
    assert.deepEqual((await post('/login')).headers.getSetCookie(), ['tenfold.sid=1; Path=/'])
    assert.deepEqual((await post('/login', 'tenfold.sid=1')).headers.getSetCookie(), ['tenfold.sid=1; Path=/'])
    assert.ok(seen(await post('/login', 'tenfold.sid=1; tenfold.seen=s1.1.1')))
  })

  it('an answer that caches may keep carries no token, nor does one for which nothing was read', async () => {
    assert.deepEqual((await get('/cached', 'tenfold.sid=1')).headers.getSetCookie(), [])
    assert.deepEqual((await get('/nothing', 'tenfold.sid=1')).headers.getSetCookie(), [])
  })
})
