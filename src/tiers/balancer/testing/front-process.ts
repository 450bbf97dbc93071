// A balancer as a process of its own on an inherited listening socket (descriptor 3), to be replaced under load:
// `node front-process.ts <upstreams as JSON>`. SIGTERM: it leaves, and ends when its last kept connection has.

import { waitUntil } from '../../../base/limits.ts'
import type { Upstreams } from '../contract.ts'
import { openNodeBalancer } from '../engines/node/engine.ts'

const timeoutMs = 10_000

const balancer = openNodeBalancer(JSON.parse(process.argv[2] ?? '{}') as Upstreams)
process.on('SIGTERM', () => void balancer.close(60_000))
await waitUntil(() => balancer.isReady(), { what: 'the first health checks', timeoutMs })
await balancer.listen({ fd: 3 })
process.stdout.write('ready\n')
