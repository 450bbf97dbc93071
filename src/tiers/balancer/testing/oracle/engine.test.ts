// The oracle passes the suite of all balancer engines, so that what it says of HTTP can be believed.

import { balancerConformance } from '../../conformance.ts'
import { openOracle } from './engine.ts'

const server = { headersTimeoutMs: 300, requestTimeoutMs: 1000, checkIntervalMs: 50 }

balancerConformance('oracle', async (upstreams) => openOracle(upstreams, { server }))
