// The oracle passes what the suite of all balancer engines says of HTTP, so that its word counts.

import { framingSuite } from '../framing.ts'
import { proxyingSuite } from '../proxying.ts'
import { survivingSuite } from '../surviving.ts'
import { openOracle } from './engine.ts'

const server = { headersTimeoutMs: 300, requestTimeoutMs: 1000, checkIntervalMs: 50 }

for (const suite of [proxyingSuite, framingSuite, survivingSuite])
  suite('oracle', async (upstreams) => openOracle(upstreams, { server }))
