// Web processes over a shared cache node: real processes, a real database, a real Redis that is there or not.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { startTestRedis, type TestRedis } from '../../programs/redis/testing.ts'
import { startTestSystem, type TestProcess, type TestSystem } from '../testing/test-system.ts'

const timeoutMs = 20_000

const app = `
let loads = 0
const app = {
  setup({ http, cache, locks, limiter }) {
    const things = cache.namespace('thing', { ttl: '1m' })
    const load = async () => ({ by: process.pid, n: ++loads })
    http.get('/thing', () => things.wrap('1', load))
    http.post('/forget', async () => things.delete('1').then(() => ({})))
    http.post('/lock', async () => {
      const lock = await locks.acquire('thing', { holdMs: 60_000 })
      return { token: lock?.token ?? null }
    })
    http.post('/take', () => limiter.take('thing', { limit: 2, windowMs: 60_000 }))
  },
}
export { app as default }
`

describe('web processes over a shared cache node', () => {
  let system: TestSystem
  let redis: TestRedis
  let webs: [TestProcess, TestProcess]

  before(async () => {
    system = await startTestSystem({ 'app.ts': app })
    redis = await startTestRedis()
    const secrets = JSON.parse(await readFile(system.home.secrets, 'utf8'))
    await writeFile(system.home.secrets, JSON.stringify({ ...secrets, redis: redis.secrets }))
    await system.change((map) => {
      map.nodes.push({
        ...{ id: 'us-east/redis-1', role: 'redis', region: 'us-east', host: 'us-east/host-2', address: redis.address },
        ...{ port: redis.port, pid: redis.pid, state: 'ready', since: '', restarts: 0, entry: false },
      })
      map.cache = { layout: 'ring', nodes: ['us-east/redis-1'] }
    })
  })

  after(async () => {
    await system?.[Symbol.asyncDispose]()
    await redis?.stop()
  })

  /** On a connection of its own: a process that stops waits for those that are kept. */
  const ask = async (web: TestProcess, path: string, method = 'GET') => {
    const response = await fetch(web.url + path, { method, headers: { connection: 'close' } })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const thingOf = async (web: TestProcess) => JSON.stringify((await ask(web, '/thing')).body)

  it('start and serve while the node is down, and know that a lock cannot be had', async () => {
    await redis.kill()
    webs = [await system.start('us-east/web-1', 'web'), await system.start('us-east/web-2', 'web')]
    for (const web of webs) {
      await web.ready()
      assert.equal((await ask(web, '/thing')).status, 200)
    }
    assert.equal((await ask(webs[0], '/lock', 'POST')).status, 503)
  })

  it('share values when it is there, and word of a change reaches the other process', async () => {
    await redis.start()
    const [one, two] = webs
    const agree = async () => (await thingOf(one)) === (await thingOf(two))
    await waitUntil(agree, { what: 'one value for both', timeoutMs })
    for (let n = 0; n < 5; n++) {
      const before = await thingOf(two)
      await ask(one, '/forget', 'POST')
      const isNew = async () => (await thingOf(two)) !== before && (await agree())
      await waitUntil(isNew, { what: 'the new value in both', timeoutMs })
    }
    const report = await two.door.cacheReport()
    assert.ok(report?.near.names.some(({ name, hits }) => name === 'thing' && hits > 0))
    assert.ok(report?.far?.some(({ name, hits }) => name === 'thing' && hits > 0))
  })

  it('agree on locks and limits', async () => {
    const tokens = await Promise.all(webs.map(async (web) => (await ask(web, '/lock', 'POST')).body['token']))
    assert.equal(tokens.filter((token) => token !== null).length, 1)
    const taken = []
    for (const web of [...webs, ...webs]) taken.push((await ask(web, '/take', 'POST')).body['isAllowed'])
    assert.deepEqual(taken, [true, true, false, false])
  })

  it('stop in order while the node hangs', async () => {
    redis.signal('SIGSTOP')
    try {
      for (const web of webs) {
        assert.equal((await ask(web, '/thing')).status, 200)
        assert.equal(await web.stop(), 0, web.output())
      }
    } finally {
      redis.signal('SIGCONT')
    }
  })
})
