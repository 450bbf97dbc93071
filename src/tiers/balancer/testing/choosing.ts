// Which server a request goes to: algorithms, weights, clients that come back.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import type { Upstreams } from '../contract.ts'
import { type Answer, ask, limitMs, type OpenBalancer, openBench, rawSocket } from './bench.ts'
import type { Capability } from './capabilities.ts'
import type { UpstreamServer } from './upstream-server.ts'

const cookiePattern = /^([^=;]+=([^;]+)); Path=\/; HttpOnly; SameSite=Lax$/i

export function choosingSuite(engine: string, open: OpenBalancer, lacks: readonly Capability[]): void {
  const promise = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}: ${name}`, run)

  promise('round robin gives each server the same', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b', 'c'])
    for (let i = 0; i < 30; i++) await ask(port, '/bytes/1')
    assert.deepEqual(sharesOf(servers), [10, 10, 10])
  })

  promise('weighted round robin gives by weight, and not in a row', async (t) => {
    const { port, servers, balancer, upstreams } = await openBench(t, open, ['a', 'b'])
    await balancer.update(weighed(upstreams, [3, 1], 'weighted-round-robin'))
    const order = []
    for (let i = 0; i < 40; i++) order.push((await echoed(port, '/echo')).server)
    const [a = 0] = sharesOf(servers)
    assert.ok(a >= 28 && a <= 32, `${a} of 40 for three quarters of the weight`)
    assert.doesNotMatch(order.join(''), /aaaaaa/)
  })

  promise('a server of weight 0 is asked only when no other is there', async (t) => {
    const { port, servers, balancer, upstreams } = await openBench(t, open, ['a', 'b'])
    await balancer.update(weighed(upstreams, [0, 1]))
    for (let i = 0; i < 10; i++) await ask(port, '/bytes/1')
    assert.deepEqual(sharesOf(servers), [0, 10])
    const onlyA = weighed(upstreams, [0, 1])
    await balancer.update({ ...onlyA, servers: onlyA.servers.slice(0, 1) })
    assert.equal((await ask(port, '/bytes/1')).status, 200)
  })

  promise('least connections spares the server that is busy, and shares a light load', async (t) => {
    const { port, servers, balancer } = await openBench(t, open, ['a', 'b'], { algorithm: 'least-connections' })
    for (let i = 0; i < 10; i++) await ask(port, '/bytes/1')
    for (const { asked } of servers) assert.ok(asked.length >= 3)
    const { busy, release } = await occupy(port, servers)
    const before = busy.asked.length
    for (let i = 0; i < 10; i++) await ask(port, '/bytes/1')
    assert.equal(busy.asked.length, before)
    release()
    await waitUntil(() => balancer.inFlight() === 0, { what: 'the abort', timeoutMs: limitMs })
  })

  promise('p2c spares the server that is busy', async (t) => {
    const { port, servers } = await openBench(t, open, ['a', 'b'], { algorithm: 'p2c' })
    const { busy, release } = await occupy(port, servers)
    for (let i = 0; i < 40; i++) await ask(port, '/bytes/1')
    const other = servers.find((server) => server !== busy)
    assert.ok((other?.asked.length ?? 0) > busy.asked.length, `${sharesOf(servers)}`)
    release()
  })

  if (!lacks.includes('latency-aware'))
    promise('p2c sends less to a server that answers slowly', async (t) => {
      const { port, servers } = await openBench(t, open, ['a', 'b', 'c'], { algorithm: 'p2c' })
      const [slow] = servers
      if (slow) slow.delayMs = 40
      for (let i = 0; i < 60; i++) await ask(port, '/bytes/1')
      assert.ok((slow?.asked.length ?? 0) <= 10, `${sharesOf(servers)}`)
    })

  promise('ip-hash keeps a client at one server, elsewhere while that drains, and back with it', async (t) => {
    await staysAndComesBack(t, open, { algorithm: 'ip-hash' })
  })

  promise('sticky by address does so whatever the algorithm', async (t) => {
    await staysAndComesBack(t, open, { algorithm: 'round-robin', sticky: 'ip' })
  })

  promise('consistent hash sends each path to one server, and a server that goes moves only its own', async (t) => {
    const { port, balancer, upstreams } = await openBench(t, open, ['a', 'b', 'c'], { algorithm: 'consistent-hash' })
    const paths = Array.from({ length: 60 }, (_, i) => `/echo/${i}`)
    const serverOf = async (path: string) => (await echoed(port, path)).server
    const placed = new Map<string, string>()
    for (const path of paths) placed.set(path, await serverOf(path))
    for (const path of paths) assert.equal(await serverOf(`${path}?again`), placed.get(path), path)
    for (const name of ['a', 'b', 'c'])
      assert.ok([...placed.values()].filter((server) => server === name).length >= 5, `${name} has too few`)
    await balancer.update({ ...upstreams, servers: upstreams.servers.filter(({ id }) => id !== 'b') })
    for (const path of paths) {
      const server = await serverOf(path)
      if (placed.get(path) !== 'b') assert.equal(server, placed.get(path), path)
    }
  })

  for (const by of ['header', 'cookie'] as const)
    promise(`consistent hash can go by a ${by}, whatever marks are in its name`, async (t) => {
      const name = "X-Key!#$%&'*+.^`|~"
      const over: Partial<Upstreams> = { algorithm: 'consistent-hash', hashOn: { by, name } }
      const { port } = await openBench(t, open, ['a', 'b', 'c'], over)
      const found = new Set<string>()
      for (let key = 0; key < 20; key++) {
        const headers: Record<string, string> =
          by === 'header' ? { [name]: `k${key}` } : { Cookie: `a=b; ${name}=k${key}; c=d` }
        const servers = new Set<string>()
        for (let i = 0; i < 3; i++) servers.add((await echoed(port, `/echo/${key}/${i}`, headers)).server)
        assert.equal(servers.size, 1, `key ${key} is at ${[...servers]}`)
        for (const server of servers) found.add(server)
      }
      assert.equal(found.size, 3)
    })

  promise('without stickiness no cookie is set', async (t) => {
    const { port } = await openBench(t, open, ['a'])
    assert.equal((await ask(port, '/bytes/1')).headers['set-cookie'], undefined)
  })

  promise('a sticky cookie brings a client back to its server, and names it to nobody', async (t) => {
    const { port } = await openBench(t, open, ['alpha', 'beta', 'gamma'], { sticky: 'cookie' })
    const first = await ask(port, '/echo')
    const [, cookie = '', value = ''] = cookiePattern.exec(setCookieOf(first)) ?? []
    assert.notEqual(cookie, '', `a cookie of ours, safe as it can be: ${setCookieOf(first)}`)
    const { server } = JSON.parse(first.body)
    assert.doesNotMatch(value, /alpha|beta|gamma|127|^\d+$/)
    for (let i = 0; i < 8; i++) {
      const answer = await ask(port, '/echo', { headers: { Cookie: `x=y; ${cookie}` } })
      assert.equal(JSON.parse(answer.body).server, server)
      assert.equal(answer.headers['set-cookie'], undefined, 'the client has it already')
    }
    const forged = await ask(port, '/echo', { headers: { Cookie: `${cookie.split('=')[0]}=../../etc` } })
    assert.equal(forged.status, 200)
    assert.match(setCookieOf(forged), cookiePattern)
  })

  promise('a client whose server drains gets another one, and keeps that', async (t) => {
    const { port, balancer, upstreams } = await openBench(t, open, ['a', 'b'], { sticky: 'cookie' })
    const first = await ask(port, '/echo')
    const had = JSON.parse(first.body).server as string
    await balancer.update(drained(upstreams, had))
    const headers = { Cookie: cookiePattern.exec(setCookieOf(first))?.[1] ?? '' }
    const second = await ask(port, '/echo', { headers })
    assert.notEqual(JSON.parse(second.body).server, had)
    assert.match(setCookieOf(second), cookiePattern)
    await balancer.update(upstreams)
    const third = await ask(port, '/echo', { headers: { Cookie: cookiePattern.exec(setCookieOf(second))?.[1] ?? '' } })
    assert.equal(JSON.parse(third.body).server, JSON.parse(second.body).server)
  })

  promise('a server that comes later gets its share slowly', async (t) => {
    const { port, servers, balancer, upstreams } = await openBench(t, open, ['a', 'b'], { slowStartMs: 600_000 })
    const [a, b] = servers
    await balancer.update({ ...upstreams, servers: upstreams.servers.slice(0, 1) })
    await balancer.update(upstreams)
    await waitUntil(() => balancer.isReady(), { what: 'the first check', timeoutMs: limitMs })
    for (let i = 0; i < 100; i++) await ask(port, '/bytes/1')
    assert.ok((b?.asked.length ?? 0) <= 30, `the new one got ${b?.asked.length} of 100`)
    assert.ok((a?.asked.length ?? 0) >= 70)
  })
}

async function staysAndComesBack(t: TestContext, open: OpenBalancer, over: Partial<Upstreams>): Promise<void> {
  const { port, balancer, upstreams } = await openBench(t, open, ['a', 'b', 'c'], over)
  const seen = async () => {
    const names = new Set<string>()
    for (let i = 0; i < 6; i++) names.add((await echoed(port, `/echo/${i}`)).server)
    assert.equal(names.size, 1)
    return [...names][0] as string
  }
  const home = await seen()
  await balancer.update(drained(upstreams, home))
  assert.notEqual(await seen(), home)
  await balancer.update(upstreams)
  assert.equal(await seen(), home)
}

/** A request that hangs, and the server that has it. */
async function occupy(port: number, servers: readonly UpstreamServer[]) {
  const hanging = await rawSocket(port)
  hanging.write('GET /hang HTTP/1.1\r\nHost: a\r\n\r\n')
  const busy = await waitUntil(() => servers.find(({ asked }) => asked.includes('/hang')), {
    what: 'the hanging request',
    timeoutMs: limitMs,
  })
  const release = () => void hanging.destroy()
  hanging.on('close', () => {})
  void once(hanging, 'close')
  return { busy, release }
}

function sharesOf(servers: readonly UpstreamServer[]): number[] {
  return servers.map(({ asked }) => asked.length)
}

function weighed(upstreams: Upstreams, weights: readonly number[], algorithm = upstreams.algorithm): Upstreams {
  return {
    ...upstreams,
    algorithm,
    servers: upstreams.servers.map((server, i) => ({ ...server, weight: weights[i] ?? 1 })),
  }
}

function drained(upstreams: Upstreams, name: string): Upstreams {
  return { ...upstreams, servers: upstreams.servers.map((server) => ({ ...server, isDraining: server.id === name })) }
}

async function echoed(port: number, path: string, headers: Record<string, string> = {}): Promise<{ server: string }> {
  return JSON.parse((await ask(port, path, { headers })).body)
}

function setCookieOf({ headers }: Answer): string {
  return headers['set-cookie']?.[0] ?? ''
}
