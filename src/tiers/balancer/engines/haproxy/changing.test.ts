// What is told to a HAProxy that runs and what needs a reload, and that nothing which is known is lost by either.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { waitUntil, withTimeout } from '../../../../base/limits.ts'
import { workersOf } from '../../../../programs/haproxy/workers.ts'
import type { Upstreams } from '../../contract.ts'
import { ask, limitMs, rawSocket, refusesConnections, startLoad, upstreamsOf } from '../../testing/bench.ts'
import { openUpstreamServer, type UpstreamServer } from '../../testing/upstream-server.ts'
import { changesBetween } from './changes.ts'
import { serverName } from './server-names.ts'
import { openReady, withHaproxy } from './testing/bench.ts'

test('servers that come, go, drain and weigh more are told; every other change needs a reload', () => {
  const at = (name: string, port: number) => ({ name, port })
  const before = upstreamsOf([at('a', 1), at('b', 2)])
  const none = new Set<string>()
  const told = (after: Upstreams) => changesBetween(before, after, none)?.commands.map(({ text }) => text.split(' ')[0])
  assert.deepEqual(told(before), [])
  assert.ok(told(upstreamsOf([at('a', 1), at('b', 2), at('c', 3)]))?.includes('add'))
  assert.deepEqual(told(upstreamsOf([at('a', 1)])), ['set', 'set'])
  const [a, b] = before.servers
  if (!a || !b) return
  assert.deepEqual(told({ ...before, servers: [{ ...a, isDraining: true }, b] }), ['set', 'set'])
  const weighed = upstreamsOf([at('a', 1), at('b', 2)], { algorithm: 'p2c' })
  const heavier = { ...weighed, servers: [{ ...a, weight: 3 }, b] }
  assert.ok((changesBetween(weighed, heavier, none)?.commands.length ?? 0) > 0)
  const others: Array<Partial<Upstreams>> = [
    ...[{ algorithm: 'p2c' as const }, { sticky: 'cookie' as const }, { timeoutMs: 1 }, { rise: 9 }, { queueMax: 9 }],
  ]
  for (const over of others) assert.equal(told({ ...before, ...over }), undefined, JSON.stringify(over))
})

test('a name is whatever it is, and leaves its place in the configuration with nothing', () => {
  const name = serverName({ id: "eu/we b\n'x%[src]", address: '::1', port: 1, weight: 1, isDraining: false })
  assert.match(name, /^eu:we_20_b_a__27_x_25__5b_src_5d_:::1:1$/)
})

withHaproxy('haproxy: changing', () => {
  test('members change in the worker that runs, settings with another one, and under load nothing fails', async (t) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => openUpstreamServer(name)))
    t.after(() => Promise.all(servers.map((server) => server.close())))
    const [a, b, c] = servers as [UpstreamServer, UpstreamServer, UpstreamServer]
    const { balancer, port, dir } = await openReady(t, upstreamsOf([a, b]))
    const worker = async () => (await workersOf(join(dir, 'master.sock'))).current
    const load = startLoad(port, [{ path: '/echo' }, { path: '/echo', method: 'POST', body: 'x'.repeat(2000) }])
    t.after(() => load.stop())
    const first = await worker()
    for (let round = 0; round < 3; round++) {
      await balancer.update(upstreamsOf([a, b, c]))
      await balancer.update(upstreamsOf([b, c]))
      const draining = upstreamsOf([a, b, c])
      draining.servers = draining.servers.map((server) => ({ ...server, isDraining: server.id === 'b' }))
      await balancer.update(draining)
      await balancer.update(upstreamsOf([a, b]))
    }
    assert.equal(await worker(), first, 'it was reloaded')
    const before = load.answered()
    await waitUntil(() => balancer.counts().requests >= before, { what: 'all counted', timeoutMs: limitMs })
    for (let round = 0; round < 6; round++) await balancer.update(upstreamsOf([a, b], { timeoutMs: 4000 + round }))
    assert.notEqual(await worker(), first)
    await waitUntil(() => load.answered() > before + 200, { what: 'load', timeoutMs: limitMs })
    await load.stop()
    assert.deepEqual(load.failures, [])
    // What a worker did between the last look and its end is in nobody's counters; what it did before is kept.
    assert.ok(balancer.counts().requests > before, `${balancer.counts().requests} counted of ${load.answered()}`)
    assert.equal(balancer.counts().errors, 0)
  })

  test('a reload knows who is down', async (t) => {
    const [a, b] = await Promise.all([openUpstreamServer('a'), openUpstreamServer('b')])
    t.after(() => Promise.all([a.close(), b.close()]))
    a.isReady = false
    const over: Partial<Upstreams> = { healthIntervalMs: 1000, fall: 1, retriesMax: 0 }
    const { balancer, port } = await openReady(t, upstreamsOf([a, b], over))
    await waitUntil(() => balancer.health()[0]?.isUp === false, { what: 'a down', timeoutMs: limitMs })
    assert.match(balancer.health()[0]?.reason ?? '', /answered 503/)
    const asked = a.asked.length
    for (let round = 0; round < 3; round++) {
      await balancer.update(upstreamsOf([a, b], { ...over, timeoutMs: 4000 + round }))
      for (let i = 0; i < 10; i++) assert.equal((await ask(port, '/bytes/1')).status, 200)
    }
    assert.equal(a.asked.length, asked)
  })

  test('what HAProxy does not take is refused, and what ran goes on', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const { balancer, port } = await openReady(t, upstreamsOf([a]))
    await assert.rejects(balancer.update(upstreamsOf([a], { healthPath: '/it\ns' })), { code: 'bad-input' })
    await assert.rejects(balancer.update(upstreamsOf([a], { rise: -1 })), { code: 'bad-input' })
    assert.equal((await ask(port, '/bytes/1')).status, 200)
    await balancer.update(upstreamsOf([a], { rise: 2 }))
    assert.equal((await ask(port, '/bytes/1')).status, 200)
  })

  test('a listener is left alone, also the last one, and the others go on', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const { balancer, port } = await openReady(t, upstreamsOf([a]))
    const on = { address: '127.0.0.1', port: 0 }
    const other = await openReady(t, upstreamsOf([a]))
    const second = { address: '127.0.0.1', port: other.port }
    await assert.rejects(balancer.listen(second), { code: 'port-taken' })
    await other.balancer.close(0)
    await balancer.listen(second)
    assert.equal((await ask(other.port, '/bytes/1')).status, 200)
    const kept = await rawSocket(other.port)
    kept.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(kept, 'data')
    await balancer.leave(second)
    await refusesConnections(other.port)
    kept.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1.1 200.*connection: close/is)
    assert.equal((await ask(port, '/bytes/1')).status, 200)
    await balancer.update(upstreamsOf([a], { timeoutMs: 4321 }))
    assert.equal((await ask(port, '/bytes/1')).status, 200)
    await refusesConnections(other.port)
    await balancer.leave(on)
    await refusesConnections(port)
  })

  test('when nobody answers after it, idle connections need not wait for a last request', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const { balancer, port } = await openReady(t, upstreamsOf([a]))
    const idle = await rawSocket(port)
    idle.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(idle, 'data')
    a.delayMs = 300
    const underWay = ask(port, '/bytes/1')
    await waitUntil(() => balancer.inFlight() === 1, { what: 'one under way', timeoutMs: limitMs })
    const closed = balancer.close(60_000, { closesIdle: true })
    assert.equal((await underWay).status, 200)
    await withTimeout(closed, limitMs, 'the end')
  })
})
