// The front under test, in a process of its own: it passes requests on to one server, over plain HTTP and over TLS. Told by
// messages of its parent; it answers with its ports, and with what it weighs when it is asked.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counters } from '../../src/net/http1/counters.ts'
import type { ForwardPolicy } from '../../src/net/http1/forward-policy.ts'
import { Forwarder } from '../../src/net/http1/forwarder.ts'
import { TimerWheel } from '../../src/net/http1/timer-wheel.ts'
import { UpstreamPool } from '../../src/net/http1/upstream-pool.ts'
import { ConnectionCaps } from '../../src/net/server/connection-caps.ts'
import { HttpServer } from '../../src/net/server/http-server.ts'
import { Certificates } from '../../src/net/tls/certificates.ts'
import { ensureLocalCertificate } from '../../src/net/tls/local-certificate.ts'

const address = '127.0.0.1'
const directory = process.argv[2] as string

const [small, large] = [Buffer.alloc(1024, 'x'), Buffer.alloc(1024 * 1024, 'x')]
const origin = createServer(({ url }, response) => response.end(url === '/large' ? large : small))
origin.listen(0, address)
await once(origin, 'listening')
const wheel = new TimerWheel()
const counts = new Counters()
const pool = new UpstreamPool({ address, port: (origin.address() as AddressInfo).port }, { limits: {}, wheel, counts })
const policy: ForwardPolicy = { retryAfterSeconds: 1, pick: () => ({ pool }), failed: () => false, released: () => {} }
const forwarder = new Forwarder(policy, { wheel, counts })

await ensureLocalCertificate(directory)
const certificates = await Certificates.open(directory)
// All clients of this bench come from one address; idle ones shall stay while they are counted.
const limits = { connectionsPerAddressMax: 15_000, keepAliveTimeoutMs: 600_000 }
const caps = new ConnectionCaps({ connectionsMax: 20_000, ...limits })
const [plain, secure] = [0, 1].map(() => new HttpServer(forwarder, { wheel, counts, limits, caps })) as [
  HttpServer,
  HttpServer,
]
await plain.listen({ address, port: 0 })
await secure.listen({ address, port: 0 }, { tls: { certificates } })

process.on('message', () => {
  globalThis.gc?.()
  process.send?.({ rss: process.memoryUsage().rss, connections: caps.open, timeouts: counts.get('timeouts') })
})
process.on('disconnect', () => process.exit())
process.send?.({ plain: plain.address()?.port, secure: secure.address()?.port })
