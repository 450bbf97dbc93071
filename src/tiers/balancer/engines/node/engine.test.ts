// The node engine passes the suite of all balancer engines. Short time-outs, so that slow clients are found out quickly.

import { balancerConformance } from '../../conformance.ts'
import { openNodeBalancer } from './engine.ts'

const server = { headersTimeoutMs: 300, requestTimeoutMs: 1000, bodyIdleTimeoutMs: 1000 }

balancerConformance('node', async (upstreams) => openNodeBalancer(upstreams, { server }))
