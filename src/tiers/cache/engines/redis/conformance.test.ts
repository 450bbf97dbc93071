// The redis engine passes the suite of the cache tier, on one server and spread over three.

import { after, before } from 'node:test'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { cacheConformance } from '../../conformance.ts'
import { openOver, startServers } from './testing.ts'

let servers: TestRedis[] & AsyncDisposable
let opened = 0
before(async () => {
  servers = await startServers(3)
})
after(() => servers?.[Symbol.asyncDispose]())

for (const count of [1, 3])
  cacheConformance(`redis, ${count} plain nodes`, {
    open: () => openOver(servers.slice(0, count), { prefix: `suite-${opened++}:` }),
  })
