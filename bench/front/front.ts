// What is measured: the balancer in use, in front of one server; with the word `edge`, the edge before it, in memory.
// Run by the comparisons: node front.ts <port> <server's port> [edge]

import { waitUntil } from '../../src/base/limits.ts'
import { edgeSettingsOf } from '../../src/processes/front/edge-settings.ts'
import { openNodeBalancer } from '../../src/tiers/balancer/engines/node/engine.ts'
import { upstreamsOf } from '../../src/tiers/balancer/testing/bench.ts'
import { openEdge, storeBounds } from '../../src/tiers/edge/edge.ts'
import { openStore } from '../../src/tiers/edge/store/store.ts'
import { presetOf } from '../../src/topology/rungs.ts'
import { resolveTopology } from '../../src/topology/topology.ts'

const address = '127.0.0.1'
const [port = '0', serverPort = '0', part] = process.argv.slice(2)

const servers = [{ name: 'server', port: Number(serverPort) }]
const upstreams = upstreamsOf(servers, { algorithm: 'p2c', healthPath: '/', healthIntervalMs: 1000 })
const balancer = openNodeBalancer(upstreams, part === 'edge' ? { before: await edgeBefore() } : {})
await balancer.listen({ address, port: Number(port) })
await waitUntil(() => balancer.isReady(), { what: 'the first health check', timeoutMs: 5000 })

async function edgeBefore() {
  const settings = edgeSettingsOf(
    resolveTopology({ ...presetOf(6), rung: 6, edge: { enabled: true, diskBytesMax: 0 } }),
  )
  const edge = openEdge(settings, { store: await openStore(storeBounds(settings)) })
  return edge.handler.bind(edge)
}
