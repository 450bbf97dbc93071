// The engine under measurement: src/net/http1 in front of one server. Run by run.ts: node app.ts <port> <server's port>.

import { Counters } from '../../src/net/http1/counters.ts'
import type { ForwardPolicy } from '../../src/net/http1/forward-policy.ts'
import { Forwarder } from '../../src/net/http1/forwarder.ts'
import { Http1Server } from '../../src/net/http1/server.ts'
import { TimerWheel } from '../../src/net/http1/timer-wheel.ts'
import { UpstreamPool } from '../../src/net/http1/upstream-pool.ts'

const address = '127.0.0.1'
const [port, serverPort] = process.argv.slice(2).map(Number)

const shared = { wheel: new TimerWheel(), counts: new Counters() }
const upstream = { pool: new UpstreamPool({ address, port: serverPort ?? 0 }, shared) }
const policy: ForwardPolicy = {
  retryAfterSeconds: 1,
  pick: () => upstream,
  failed: () => false,
  released() {},
}
const server = new Http1Server(new Forwarder(policy, shared), shared)
await server.listen({ address, port: port ?? 0 })
process.stdout.write('ready\n')
