// What a balancer does when servers fail, and when it leaves itself.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import {
  ask,
  askRaw,
  echo,
  limitMs,
  listening,
  type OpenBalancer,
  openBench,
  rawSocket,
  refusesConnections,
  startLoad,
  startServerProcess,
  unusedPort,
  upstreamsOf,
} from './bench.ts'
import type { Capability } from './capabilities.ts'

export function survivingSuite(engine: string, open: OpenBalancer, lacks: readonly Capability[] = []): void {
  const promise = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}: ${name}`, run)

  promise('a refused connection costs nothing, not even a POST, and takes the server out at once', async (t) => {
    const dead = { name: 'dead', port: await unusedPort() }
    const { balancer, port, servers, upstreams } = await openBench(t, open, ['a'], { healthIntervalMs: 60_000 })
    // Added now, so that no check has found it out before the requests do.
    await balancer.update({ ...upstreams, servers: [...upstreams.servers, ...upstreamsOf([dead]).servers], fall: 100 })
    for (let i = 0; i < 4; i++) assert.equal((await echo(port, { method: 'POST', body: `body ${i}` })).bodyBytes, 6)
    assert.equal(servers[0]?.asked.length, 4)
    const health = () => balancer.health().find(({ id }) => id === 'dead')
    await waitUntil(() => health()?.isUp === false, { what: 'the dead one out', timeoutMs: limitMs })
    assert.match(health()?.reason ?? '', /ECONNREFUSED|refused/)
  })

  // With one retry for two servers, who may ask the same one again asks the other one too.
  const tries = lacks.includes('others-only') ? { retriesMax: 1 } : {}

  promise('a GET whose server breaks is asked again elsewhere, before its answer and inside it', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b'], tries)
    for (const path of lacks.includes('answers-held') ? ['/reset'] : ['/reset', '/break']) {
      const { status, body } = await ask(port, path)
      assert.equal(status, 502)
      assert.equal(JSON.parse(body).error.code, 'unavailable')
      for (const { asked } of servers) assert.equal(asked.filter((other) => other === path).length, 1, path)
    }
  })

  promise('a POST that a server has had is never sent twice, and its loss is told as such', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b'])
    const { status, headers, body } = await ask(port, '/reset', { method: 'POST', body: 'x' })
    assert.equal(status, 502)
    assert.equal(JSON.parse(body).error.code, 'outcome-unknown')
    assert.equal(headers['retry-after'], undefined)
    assert.equal(servers.flatMap(({ asked }) => asked).length, 1)
  })

  promise('a POST with an Idempotency-Key that a server lost goes to the next one', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b'], tries)
    const { status } = await ask(port, '/reset', { method: 'POST', body: 'x', headers: { 'Idempotency-Key': 'k1' } })
    assert.equal(status, 502, 'every server resets this path')
    assert.deepEqual(
      servers.map(({ asked }) => asked.length),
      [1, 1],
    )
  })

  promise('at most retriesMax other servers are tried', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b', 'c', 'd'], { retriesMax: 1 })
    assert.equal((await ask(port, '/reset')).status, 502)
    assert.equal(servers.flatMap(({ asked }) => asked).length, 2)
  })

  promise('a server that takes too long is 504, and nobody else is asked', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b'], { timeoutMs: 200 })
    const { status, headers, body } = await ask(port, '/hang')
    assert.equal(status, 504)
    assert.equal(JSON.parse(body).error.code, 'timeout')
    assert.equal(headers['retry-after'], '1')
    assert.equal(servers.flatMap(({ asked }) => asked).length, 1)
  })

  promise('an answer that breaks after its client saw a part of it ends the connection', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    const text = await askRaw(port, 'POST /break HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    assert.match(text, /^HTTP\/1.1 200/)
    assert.ok(text.endsWith('x'.repeat(50)))
  })

  promise('without any server the answer is 503 with Retry-After', async (t) => {
    const { port } = await listening(t, open, upstreamsOf([]))
    const { status, headers, body } = await ask(port, '/')
    assert.equal(status, 503)
    assert.equal(headers['retry-after'], '1')
    assert.equal(JSON.parse(body).error.code, 'unavailable')
  })

  promise('a server whose checks fail gets nothing until they are good again', async (t) => {
    const { balancer, port, servers } = await openBench(t, open, ['a', 'b'])
    const [a, b] = servers
    if (!a || !b) return
    const isUp = (id: string) => balancer.health().find((server) => server.id === id)?.isUp
    a.isReady = false
    await waitUntil(() => isUp('a') === false, { what: 'a down', timeoutMs: limitMs })
    for (let i = 0; i < 6; i++) await ask(port, '/bytes/1')
    assert.deepEqual([a.asked.length, b.asked.length], [0, 6])
    a.isReady = true
    await waitUntil(() => isUp('a'), { what: 'a up', timeoutMs: limitMs })
    for (let i = 0; i < 6; i++) await ask(port, '/bytes/1')
    assert.deepEqual([a.asked.length, b.asked.length], [3, 9])
  })

  promise('when every check fails, servers are tried all the same', async (t) => {
    const { balancer, port, servers } = await openBench(t, open, ['a', 'b'])
    for (const server of servers) server.isReady = false
    await waitUntil(() => balancer.health().every(({ isUp }) => !isUp), { what: 'both down', timeoutMs: limitMs })
    assert.equal((await ask(port, '/bytes/1')).status, 200)
  })

  promise('a draining server gets no new request and finishes what it has', async (t) => {
    const { balancer, port, servers, upstreams } = await openBench(t, open, ['a', 'b'])
    const [a, b] = servers
    if (!a || !b) return
    const stream = await rawSocket(port)
    stream.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(stream, 'data')
    const holder = a.asked.length > 0 ? a : b
    const other = holder === a ? b : a
    const servers2 = upstreams.servers.map((server) => ({ ...server, isDraining: server.id === holder.name }))
    await balancer.update({ ...upstreams, servers: servers2 })
    for (let i = 0; i < 4; i++) await ask(port, '/bytes/1')
    assert.deepEqual([holder.asked.length, other.asked.length], [1, 4])
    await balancer.update({ ...upstreams, servers: upstreams.servers.filter(({ id }) => id !== holder.name) })
    assert.equal(holder.server.inFlight, 1, 'the stream was cut')
    stream.destroy()
  })

  promise('the balancer leaves as it came: kept connections get one more answer, with Connection: close', async (t) => {
    const { balancer, port } = await openBench(t, open, ['a'])
    const socket = await rawSocket(port)
    socket.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.doesNotMatch(String((await once(socket, 'data'))[0]), /connection: close/i)
    const closed = balancer.close(limitMs)
    await refusesConnections(port)
    socket.write('GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 200.*connection: close/is)
    await closed
    await balancer.close(0)
  })

  promise('no GET fails while servers are killed under load and come back', async (t) => {
    const first = await startServerProcess(t, 'first')
    const second = await startServerProcess(t, 'second')
    const { balancer, port } = await listening(t, open, upstreamsOf([first, second]))
    const load = startLoad(port, [{ path: '/echo' }, { path: '/bytes/2000' }, { path: '/bytes/200000' }])
    const isUp = (id: string) => balancer.health().find((server) => server.id === id)?.isUp
    const more = async (what: string) => {
      const before = load.answered()
      await waitUntil(() => load.answered() > before + 100, { what, timeoutMs: limitMs })
    }
    let running = [first, second]
    for (let round = 0; round < 3; round++) {
      const [victim, other] = running
      if (!victim || !other) break
      await more(`load on both, round ${round}`)
      await victim.end('SIGKILL')
      await more('load on the other one')
      const again = await startServerProcess(t, victim.name, victim.port)
      await waitUntil(() => isUp(victim.name), { what: `${victim.name} up again`, timeoutMs: limitMs })
      running = [other, again]
    }
    await load.stop()
    assert.deepEqual(load.failures, [])
  })

  promise('nothing fails while every server is drained and replaced under load', async (t) => {
    let current = [await startServerProcess(t, 'v1-a'), await startServerProcess(t, 'v1-b')]
    const { balancer, port } = await listening(t, open, upstreamsOf(current))
    const load = startLoad(port, [
      { path: '/bytes/2000' },
      { path: '/echo', method: 'POST', body: 'x'.repeat(3000) },
      { path: '/echo', method: 'POST', body: 'x'.repeat(100_000) },
    ])
    for (const name of ['v2-a', 'v2-b']) {
      const fresh = await startServerProcess(t, name)
      const [old, ...others] = current
      if (!old) break
      const { servers, ...rest } = upstreamsOf([old, ...others, fresh])
      await balancer.update({
        ...rest,
        servers: servers.map((server) => ({ ...server, isDraining: server.id === old.name })),
      })
      assert.equal(await old.end('SIGTERM'), 0)
      current = [...others, fresh]
      await balancer.update(upstreamsOf(current))
      const before = load.answered()
      await waitUntil(() => load.answered() > before + 100, { what: `load after ${name}`, timeoutMs: limitMs })
    }
    await load.stop()
    assert.deepEqual(load.failures, [])
    assert.deepEqual(
      balancer.health().map(({ id }) => id),
      ['v2-a', 'v2-b'],
    )
  })
}
