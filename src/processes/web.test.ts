// Web and worker processes as the supervisor starts them: real processes, a real database, signals.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { waitUntil } from '../base/limits.ts'
import { logFileOf } from '../map/home.ts'
import { startTestSystem, type TestProcess, type TestSystem } from './testing/test-system.ts'

const timeoutMs = 15_000

const migration = `
create table users (id bigint not null primary key, name text not null, cents bigint not null default 0)
  partition by hash (id);
create table jobs_done (job text not null);`

const app = `
const app = {
  migrations: 'migrations',
  setup({ http, db, cache, queue, kpi, once }) {
    http.post('/users/:id', async (request, reply) => {
      const { id } = request.params
      const user = await db.of(id).insertInto('users').values({ id, name: request.body.name })
        .onConflict((c) => c.column('id').doNothing()).returningAll().executeTakeFirst()
      request.session.userId = id
      kpi.active(id)
      return reply.code(201).send(user ?? { id })
    })
    http.get('/users/:id', (request) => cache.wrap('user:' + request.params.id, { ttl: '1m' }, () =>
      db.of(request.params.id).selectFrom('users').selectAll().where('id', '=', request.params.id).executeTakeFirst()))
    const names = cache.through({
      name: 'name',
      ttl: '1m',
      write: 'back',
      load: async (id) => (await db.of(id).selectFrom('users').select('name').where('id', '=', id).executeTakeFirst())?.name,
      store: async (id, name) => {
        await db.of(id).updateTable('users').set({ name }).where('id', '=', id).execute()
      },
    })
    http.put('/names/:id', async ({ params, body }) => {
      await names.set(params.id, body.name)
      return {}
    })
    http.get('/names/:id', async ({ params }) => ({ name: await names.get(params.id) }))
    http.get('/me', async (request) => ({ userId: request.session.userId ?? null }))
    http.post('/tips', async (request) => {
      const { to, cents } = request.body
      return once(request, db.of(to), async (tx) => {
        const row = await tx.updateTable('users').set((e) => ({ cents: e('cents', '+', cents) })).where('id', '=', to)
          .returning('cents').executeTakeFirstOrThrow()
        await queue.in(tx).publish('tip', { to, cents })
        if (cents === 13) throw Object.assign(new Error('unlucky'), { statusCode: 422 })
        kpi.count('revenue.cents', cents)
        return { total: Number(row.cents) }
      })
    })
    http.get('/jobs', async () => db.reference.selectFrom('jobs_done').selectAll().execute())
    http.get('/slow', async () => new Promise((resolve) => setTimeout(() => resolve({ slow: true }), 300)))
    queue.handle('tip', { concurrency: 4, leaseMs: 2000 }, async ({ payload }) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      await db.reference.insertInto('jobs_done').values({ job: JSON.stringify(payload) }).execute()
    })
  },
}
export { app as default }`

const files = { 'app.ts': app, 'migrations/0001-start.sql': migration }

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

describe('a web process', () => {
  let system: TestSystem
  let web: TestProcess
  let bound: BoundSocket
  let entryUrl: string

  before(async () => {
    system = await startTestSystem(files, { web: { drainMs: 1500 } })
    bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
    entryUrl = `http://127.0.0.1:${bound.address().port}`
    web = await system.start('us-east/web-1', 'web', bound.fd())
    await web.ready()
  })

  after(async () => {
    await system?.[Symbol.asyncDispose]()
    bound?.close()
  })

  it('serves the app on its private address and on the public one, with a session in the database', async () => {
    const signup = await post(`${entryUrl}/users/7`, { name: 'Ada' })
    assert.equal(signup.status, 201)
    const cookie = (signup.headers.get('set-cookie') ?? '').split(';', 1)[0] as string
    assert.match(cookie, /^tenfold\.sid=/)
    for (const url of [web.url, entryUrl]) {
      assert.deepEqual(await (await fetch(`${url}/me`, { headers: { cookie } })).json(), { userId: '7' })
      assert.equal((await fetch(`${url}/-/ready`)).status, 200)
    }
    assert.equal(((await (await fetch(`${web.url}/users/7`)).json()) as { name: string }).name, 'Ada')
  })

  it('acknowledges a write of write-back when it waits in the database, and stores it', async () => {
    await post(`${web.url}/users/9`, { name: 'Cy' })
    const rename = (name: string) =>
      fetch(`${web.url}/names/9`, {
        method: 'PUT',
        body: JSON.stringify({ name }),
        headers: { 'content-type': 'application/json' },
      })
    for (const name of ['Cyd', 'Cyn']) assert.equal((await rename(name)).status, 200)
    assert.deepEqual(await (await fetch(`${web.url}/names/9`)).json(), { name: 'Cyn' })
    const isStored = async () => (await system.sql("select 1 from users where id = 9 and name = 'Cyn'")).length === 1
    await waitUntil(isStored, { what: 'the store', timeoutMs })
    const isEmpty = async () => (await system.sql('select 1 from tenfold_writes')).length === 0
    await waitUntil(isEmpty, { what: 'nothing that waits', timeoutMs })
  })

  it('runs a request with an Idempotency-Key once, however often and however concurrently it is sent', async () => {
    await post(`${web.url}/users/8`, { name: 'Bob' })
    const headers = { 'idempotency-key': 'tip-1' }
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post(`${web.url}/tips`, { to: '8', cents: 5 }, headers)),
    )
    for (const answer of answers) assert.deepEqual(await answer.json(), { total: 5 })
    const other = await post(`${web.url}/tips`, { to: '8', cents: 6 }, headers)
    assert.equal(other.status, 409, 'the same key for another request is refused')
    const failed = await post(`${web.url}/tips`, { to: '8', cents: 13 }, { 'idempotency-key': 'tip-2' })
    assert.equal(failed.status, 422)
    const again = await post(`${web.url}/tips`, { to: '8', cents: 13 }, { 'idempotency-key': 'tip-2' })
    assert.equal(again.status, 422, 'what failed left no key behind')
    assert.equal((await post(`${web.url}/tips`, { to: '8', cents: 1 }, { 'idempotency-key': 'a b' })).status, 400)
    const jobs = await waitUntil(async () => jobsOf(web), { what: 'the job', timeoutMs })
    assert.deepEqual(jobs, ['{"to":"8","cents":5}'], 'one job, of the one transaction that committed')
  })

  it('tells its state at the door, follows the map, holds and releases', async () => {
    const state = await web.door.state()
    assert.deepEqual([state.pid, state.isReady, state.hasEntry], [web.child.pid, true, true])
    assert.ok(Number(state.use?.activeMs) > 0 && Number(state.use?.cpuMs) > 0, JSON.stringify(state.use))
    await system.change(() => {})
    assert.equal((await web.door.applyMap()).mapVersion, system.map.version)
    assert.deepEqual(await web.door.hold({ leaseMs: 10_000, drainMs: 2000 }), { isDrained: true, inFlight: 0 })
    let isAnswered = false
    const held = post(`${web.url}/users/9`, { name: 'Held' }).then((response) => {
      isAnswered = true
      return response.status
    })
    await waitUntil(async () => (await web.door.state()).inFlight > 0, { what: 'a held request', timeoutMs })
    assert.equal(isAnswered, false)
    await web.door.release()
    assert.equal(await held, 201)
  })

  it('starts a supervisor that inherits the public socket', async () => {
    const script = `const { Server } = require('node:net')
      const server = new Server().listen({ fd: 3 }, () => { console.log(JSON.stringify(server.address())); process.exit() })`
    const { pid } = await web.door.startSupervisor(['-e', script])
    assert.ok(pid > 0)
    const log = logFileOf(system.home, 'supervisor')
    const read = () => readFile(log, 'utf8').then((text) => text.includes('\n') && text)
    const line = await waitUntil(read, { what: 'its line', timeoutMs })
    assert.equal((JSON.parse(line) as { port: number }).port, bound.address().port)
  })

  it('leaves the public address without leaving its own, and drains on SIGTERM', async () => {
    assert.equal((await web.door.leaveEntry()).hasEntry, false)
    assert.equal((await fetch(`${web.url}/-/live`)).status, 200)
    await assert.rejects(web.door.startSupervisor([]), { code: 'conflict' })
    const slow = fetch(`${web.url}/slow`)
    await waitUntil(async () => (await web.door.state()).inFlight > 0, { what: 'a slow request', timeoutMs })
    assert.equal(await web.stop(), 0)
    assert.deepEqual(await (await slow).json(), { slow: true })
    const figures = await system.sql('select name, value from tenfold.kpi_daily')
    assert.deepEqual(figures, [{ name: 'revenue.cents', value: 5 }], 'figures are kept at a clean stop')
  })
})

describe('a web process that cannot start', () => {
  let system: TestSystem

  before(async () => {
    system = await startTestSystem({})
  })

  after(() => system?.[Symbol.asyncDispose]())

  const cases: Array<[string, string | undefined, RegExp]> = [
    ['without an app', undefined, /there is no app at .*app\.ts; write it/],
    ['whose app exports nothing', 'export const app = 1', /needs `export default defineApp/],
    ['whose app is no TypeScript', 'export default {', /could not be read: .*app\.ts:1/],
    [
      'whose setup throws',
      'export default { setup() { throw new Error("no such thing") } }',
      /no such thing.*\n?.*app\.ts:1/,
    ],
    [
      'whose migrations are wrong',
      'export default { migrations: "sql", setup() {} }',
      /migration app\/1\.sql, line 2: .*tabel/,
    ],
  ]
  for (const [name, app, message] of cases)
    it(`${name} says so and ends with 1`, async () => {
      await system.write({ ...(app !== undefined && { 'app.ts': app }), 'sql/1.sql': '-- one\ncreate tabel a ();' })
      const web = await system.start(`us-east/web-${system.map.nodes.length}`, 'web')
      await once(web.child, 'close')
      assert.equal(web.child.exitCode, 1)
      assert.match(web.output(), message)
    })
})

describe('worker processes', () => {
  it('lose no job to kill -9, and web processes leave the jobs to them', async () => {
    await using system = await startTestSystem(files, { front: { count: 1 }, worker: { count: 2 } })
    const web = await system.start('us-east/web-1', 'web')
    await web.ready()
    await post(`${web.url}/users/7`, { name: 'Ada' })
    const total = 60
    const tip = async (n: number) =>
      assert.equal((await post(`${web.url}/tips`, { to: '7', cents: 100 + n })).status, 200)
    for (let n = 0; n < total / 2; n++) await tip(n)
    assert.equal(await jobsOf(web), undefined, 'no worker, no job done')
    const headers = { 'content-type': 'application/json' }
    await fetch(`${web.url}/names/7`, { method: 'PUT', body: JSON.stringify({ name: 'Eve' }), headers })
    assert.deepEqual(await (await fetch(`${web.url}/names/7`)).json(), { name: 'Eve' })
    const nameOf7 = async () => (await system.sql<{ name: string }>('select name from users where id = 7'))[0]?.name
    assert.equal(await nameOf7(), 'Ada', 'no worker, nothing stored')
    const victim = await system.start('us-east/worker-1', 'worker')
    await waitUntil(() => jobsOf(web), { what: 'the first job', timeoutMs })
    await victim.stop('SIGKILL')
    const heir = await system.start('us-east/worker-2', 'worker')
    for (let n = total / 2; n < total; n++) await tip(n)
    const isDone = async () => new Set(await jobsOf(web)).size === total
    await waitUntil(isDone, { what: `${total} jobs`, timeoutMs })
    await waitUntil(async () => (await nameOf7()) === 'Eve', { what: 'the store', timeoutMs: 3 * timeoutMs })
    const isEmpty = async () => (await system.sql('select 1 from tenfold.queue_jobs')).length === 0
    await waitUntil(isEmpty, { what: 'the end of the leases of the dead', timeoutMs })
    assert.equal(await heir.stop(), 0)
  })
})

async function jobsOf({ url }: TestProcess): Promise<string[] | undefined> {
  const jobs = (await (await fetch(`${url}/jobs`)).json()) as Array<{ job: string }>
  return jobs.length > 0 ? jobs.map(({ job }) => job) : undefined
}
