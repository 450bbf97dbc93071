// What a balancer does when there is more than its servers can take, and when they fail without being dead.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { ask, echo, limitMs, type OpenBalancer, openBench, rawSocket } from './bench.ts'
import type { Capability } from './capabilities.ts'

export function overloadSuite(engine: string, open: OpenBalancer, lacks: readonly Capability[]): void {
  const promise = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}: ${name}`, run)

  promise('no server has more requests at once than it may, and the others wait their turn', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b'], { inFlightPerServerMax: 2 })
    for (const server of servers) server.delayMs = 30
    const body = 'x'.repeat(5000)
    const asked = Array.from({ length: 20 }, (_, i) =>
      echo(port, i % 2 === 0 ? {} : { method: 'POST', body }).then(({ bodyBytes }) => bodyBytes),
    )
    const sizes = await Promise.all(asked)
    assert.deepEqual(
      sizes,
      sizes.map((_, i) => (i % 2 === 0 ? 0 : body.length)),
    )
    for (const { name, atOnceMax } of servers) assert.equal(atOnceMax, 2, name)
  })

  promise('who finds the line full is sent away at once, with 503 and Retry-After', async (t) => {
    const { port, hang, release, balancer } = await openFull(t, open, { queueMax: 2 })
    await Promise.all([hang(), hang()])
    await waitUntil(() => balancer.inFlight() === 3, { what: 'two in the line', timeoutMs: limitMs })
    await waitUntil(async () => (await ask(port, '/bytes/1')).status === 503, {
      what: 'the line full',
      timeoutMs: limitMs,
    })
    const startMs = performance.now()
    const { status, headers, body } = await ask(port, '/bytes/1')
    assert.ok(performance.now() - startMs < 1000, 'it waited')
    assert.equal(status, 503)
    assert.match(String(headers['retry-after']), /^\d+$/)
    if (!lacks.includes('own-answers')) assert.equal(JSON.parse(body).error.code, 'overloaded')
    release()
  })

  promise('who has waited long enough is sent away with 503 and Retry-After', async (t) => {
    const { port, release } = await openFull(t, open, { queueTimeoutMs: 300 })
    const startMs = performance.now()
    const { status, headers } = await ask(port, '/bytes/1')
    const waitedMs = performance.now() - startMs
    assert.equal(status, 503)
    assert.match(String(headers['retry-after']), /^\d+$/)
    assert.ok(waitedMs >= 290, `after ${waitedMs} ms`)
    if (!lacks.includes('line-time-exact')) assert.ok(waitedMs < 800, `after ${waitedMs} ms`)
    release()
  })

  promise('who leaves the line makes room in it, and is never sent to a server', async (t) => {
    const { port, hang, release, servers, balancer } = await openFull(t, open, { queueMax: 1 })
    const leaver = await hang()
    await waitUntil(() => balancer.inFlight() === 2, { what: 'one in the line', timeoutMs: limitMs })
    await waitUntil(async () => (await ask(port, '/bytes/1')).status === 503, {
      what: 'the line full',
      timeoutMs: limitMs,
    })
    leaver.destroy()
    const waiting = waitUntil(async () => (await ask(port, '/bytes/2')).status === 200, {
      what: 'a place in the line, and then at the server',
      timeoutMs: limitMs,
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    release()
    await waiting
    assert.deepEqual(
      servers.flatMap(({ asked }) => asked).filter((path) => path === '/hang'),
      ['/hang'],
    )
  })

  if (!lacks.includes('ejection'))
    promise('requests that fail in a row take a server out, although its checks are not counted yet', async (t) => {
      const { balancer, port, servers } = await openBench(t, open, ['a'], { fall: 1000, ejectAfter: 3, retriesMax: 0 })
      const [a] = servers
      if (!a) return
      const isUp = () => balancer.health()[0]?.isUp
      for (let i = 0; i < 2; i++) assert.equal((await ask(port, '/reset')).status, 502)
      assert.equal((await ask(port, '/bytes/1')).status, 200)
      for (let i = 0; i < 2; i++) assert.equal((await ask(port, '/reset')).status, 502)
      assert.equal(isUp(), true, 'not in a row')
      a.isReady = false // else the next check brings it back before anybody looks
      assert.equal((await ask(port, '/reset')).status, 502)
      await waitUntil(() => isUp() === false, { what: 'the server out', timeoutMs: limitMs })
      a.isReady = true
      await waitUntil(isUp, { what: 'the server back', timeoutMs: limitMs })
    })

  if (!lacks.includes('panic-share'))
    promise('when too few pass their checks, the checks are not believed', async (t) => {
      const { balancer, port, servers } = await openBench(t, open, ['a', 'b', 'c', 'd'], { panicShare: 0.5 })
      const down = (count: number) =>
        waitUntil(() => balancer.health().filter(({ isUp }) => !isUp).length === count, {
          what: `${count} down`,
          timeoutMs: limitMs,
        })
      const shares = async () => {
        for (const server of servers) server.asked.length = 0
        for (let i = 0; i < 20; i++) await ask(port, '/bytes/1')
        return servers.map(({ asked }) => asked.length)
      }
      for (const server of servers.slice(0, 2)) server.isReady = false
      await down(2)
      assert.deepEqual(await shares(), [0, 0, 10, 10])
      for (const server of servers.slice(2, 3)) server.isReady = false
      await down(3)
      assert.deepEqual(await shares(), [5, 5, 5, 5])
    })
}

/** A balancer whose one server may have one request, and has it. */
async function openFull(t: TestContext, open: OpenBalancer, over: Parameters<typeof openBench>[3]) {
  const bench = await openBench(t, open, ['a'], { inFlightPerServerMax: 1, ...over })
  const hang = async () => {
    const socket = await rawSocket(bench.port)
    t.after(() => socket.destroy())
    socket.write('GET /hang HTTP/1.1\r\nHost: a\r\n\r\n')
    return socket
  }
  const first = await hang()
  await waitUntil(() => bench.servers[0]?.asked.length === 1, { what: 'the server busy', timeoutMs: limitMs })
  return { ...bench, hang, release: () => void first.destroy() }
}
