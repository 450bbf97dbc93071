// The edge before one server, without a balancer: what the suite of http-tests asks.

import { Counters } from '../../src/net/http1/counters.ts'
import type { ForwardPolicy } from '../../src/net/http1/forward-policy.ts'
import { Forwarder } from '../../src/net/http1/forwarder.ts'
import { TimerWheel } from '../../src/net/http1/timer-wheel.ts'
import { UpstreamPool } from '../../src/net/http1/upstream-pool.ts'
import { HttpServer } from '../../src/net/server/http-server.ts'
import type { EdgeSettings } from '../../src/tiers/edge/contract.ts'
import { openEdge, storeBounds } from '../../src/tiers/edge/edge.ts'
import { openStore } from '../../src/tiers/edge/store/store.ts'

const address = '127.0.0.1'

export const settings: EdgeSettings = {
  rules: [],
  memoryBytesMax: 256 * 1024 * 1024,
  diskBytesMax: 0,
  objectBytesMax: 16 * 1024 * 1024,
  admission: 'first',
  compresses: false,
  staleIfErrorMs: 60_000,
  pricePerGigabyte: 0,
  originPricePerGigabyte: 0,
}

export async function openFront(serverPort: number): Promise<{ port: number; close: () => Promise<void> }> {
  const shared = { wheel: new TimerWheel(), counts: new Counters() }
  const pool = new UpstreamPool({ address, port: serverPort }, shared)
  const policy: ForwardPolicy = {
    retryAfterSeconds: 1,
    pick: () => ({ pool }),
    failed: () => false, // a server that is asked twice would count twice
    released() {},
  }
  const store = await openStore(storeBounds(settings))
  const edge = openEdge(settings, { store })
  const server = new HttpServer(edge.handler(new Forwarder(policy, shared)), shared)
  await server.listen({ address, port: 0 })
  return {
    port: server.address()?.port ?? 0,
    async close() {
      await server.drain(0)
      pool.destroy()
      await edge.close()
    },
  }
}
