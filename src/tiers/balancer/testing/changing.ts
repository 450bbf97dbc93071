// All that happens to a balancer in a busy week, within seconds and under load on kept connections: nobody notices.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import type { AlgorithmName, Upstreams } from '../contract.ts'
import {
  limitMs,
  listening,
  type OpenBalancer,
  type ServerProcess,
  startLoad,
  startServerProcess,
  upstreamsOf,
} from './bench.ts'

/** A POST that a killed server had is lost by right; so kills are under what may be repeated, and the rest under everything. */
const repeatable = [
  { path: '/echo' },
  { path: '/bytes/2000' },
  { path: '/bytes/200000' },
  { path: '/echo', method: 'PUT', body: 'x'.repeat(3000) },
]
const posts = [
  { path: '/echo', method: 'POST', body: 'x'.repeat(3000) },
  { path: '/echo', method: 'POST', body: 'x'.repeat(100_000) },
]

export function changingSuite(engine: string, open: OpenBalancer): void {
  test(`${engine}: 3 kills, 6 reloads, 2 drains and a change of algorithm under load fail no request`, async (t) => {
    let servers = await Promise.all(['a', 'b', 'c'].map((name) => startServerProcess(t, name)))
    let algorithm: AlgorithmName = 'p2c'
    const snapshot = (over: Partial<Upstreams> = {}, draining?: string): Upstreams => {
      const upstreams = upstreamsOf(servers, { algorithm, ejectAfter: 5, panicShare: 0.3, slowStartMs: 500, ...over })
      return {
        ...upstreams,
        servers: upstreams.servers.map((server) => ({ ...server, isDraining: server.id === draining })),
      }
    }
    const { balancer, port } = await listening(t, open, snapshot())
    const isUp = (name: string) => balancer.health().find(({ id }) => id === name)?.isUp
    let load = startLoad(port, repeatable)
    const more = async (what: string) => {
      const before = load.answered()
      await waitUntil(() => load.answered() > before + 80, { what: `load ${what}`, timeoutMs: limitMs })
    }

    for (let kill = 1; kill <= 3; kill++) {
      const [victim, ...others] = servers as [ServerProcess, ...ServerProcess[]]
      await more(`before kill ${kill}`)
      await victim.end('SIGKILL')
      await more(`after kill ${kill}`)
      servers = [...others, await startServerProcess(t, victim.name, victim.port)]
      await waitUntil(() => isUp(victim.name), { what: `${victim.name} up again`, timeoutMs: limitMs })
    }
    await load.stop()
    assert.deepEqual(load.failures, [])

    load = startLoad(port, [...repeatable, ...posts])
    for (let reload = 1; reload <= 6; reload++) {
      await balancer.update(
        snapshot({ timeoutMs: 5000 + reload, retriesMax: 2 + (reload % 2), inFlightPerServerMax: 16 * reload }),
      )
      await more(`after reload ${reload}`)
    }
    algorithm = 'consistent-hash'
    await balancer.update(snapshot())
    await more('after the change of algorithm')
    for (let drain = 1; drain <= 2; drain++) {
      const [old, ...others] = servers as [ServerProcess, ...ServerProcess[]]
      const fresh = await startServerProcess(t, `fresh-${drain}`)
      servers = [...servers, fresh]
      await balancer.update(snapshot({}, old.name))
      assert.equal(await old.end('SIGTERM'), 0)
      servers = [...others, fresh]
      await balancer.update(snapshot())
      await more(`after drain ${drain}`)
    }
    await load.stop()
    assert.deepEqual(load.failures, [])
    assert.ok(load.answered() > 500)
  })
}
