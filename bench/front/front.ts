// What is measured: the balancer in use, in front of one server; with the word `edge`, the edge before it.
// Run by the comparisons: node front.ts <port> <server's port> [edge]

import { waitUntil } from '../../src/base/limits.ts'
import { openNodeBalancer } from '../../src/tiers/balancer/engines/node/engine.ts'
import { upstreamsOf } from '../../src/tiers/balancer/testing/bench.ts'

const address = '127.0.0.1'
const [port = '0', serverPort = '0'] = process.argv.slice(2)

const servers = [{ name: 'server', port: Number(serverPort) }]
const balancer = openNodeBalancer(upstreamsOf(servers, { algorithm: 'p2c', healthPath: '/', healthIntervalMs: 1000 }))
await balancer.listen({ address, port: Number(port) })
await waitUntil(() => balancer.isReady(), { what: 'the first health check', timeoutMs: 5000 })
