// A process that has a balancer of this engine, to be killed: `node owner.ts DIR UPSTREAMS`. It listens on the socket that it
// inherits as descriptor 3, says the pid of HAProxy's master when it is ready, and drains on SIGTERM.

import { waitUntil } from '../../../../../base/limits.ts'
import { findHaproxy } from '../../../../../programs/haproxy/binary.ts'
import { haproxyFilesOf } from '../../../../../programs/haproxy/files.ts'
import { findInstance } from '../../../../../programs/haproxy/instance.ts'
import { openHaproxyBalancer } from '../engine.ts'

const [dir = '', upstreams = ''] = process.argv.slice(2)
const limits = { observeIntervalMs: 30, unclaimedMsMax: 500 }
const balancer = await openHaproxyBalancer(JSON.parse(upstreams), { dir, descriptors: [3], limits })
await balancer.listen({ fd: 3 })
await waitUntil(() => balancer.isReady(), { what: 'the first checks', timeoutMs: 10_000 })
const instance = await findInstance(await findHaproxy(), haproxyFilesOf(dir))
process.on('SIGTERM', () => void balancer.close(5000).then(() => process.exit(0)))
process.stdout.write(`${instance?.masterPid} ${balancer.addresses()[0]?.port}\n`)
