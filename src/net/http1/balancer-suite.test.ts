// The suite of all balancer engines, on this engine: what clients and servers see of each other, malformed requests, and
// servers that die.

import { balancerConformance } from '../../tiers/balancer/conformance.ts'
import { openHttp1Balancer } from './testing/balancer.ts'

const limits = { headersTimeoutMs: 300, requestTimeoutMs: 1000, bodyIdleTimeoutMs: 1000 }

balancerConformance('http1', async (upstreams) => openHttp1Balancer(upstreams, limits))
