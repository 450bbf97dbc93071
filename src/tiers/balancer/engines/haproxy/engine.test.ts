// The engine of HAProxy passes the suite of all balancer engines, but for what its README says that HAProxy cannot do.

import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { balancerConformance } from '../../conformance.ts'
import type { Upstreams } from '../../contract.ts'
import { openHaproxyBalancer } from './engine.ts'
import { withHaproxy } from './testing/bench.ts'

const limits = { headersTimeoutMs: 300, clientIdleTimeoutMs: 1000, observeIntervalMs: 30 }

/** Each with its reason in README.md. */
const lacks = [
  ...(['latency-aware', 'named-fields', 'trailers-end', 'bodies-awaited'] as const),
  ...(['refusals-arrive', 'preface-ends'] as const),
  ...(['ejection', 'others-only', 'answers-held', 'breaks-passed-on'] as const),
]
const mends = [
  ...['Content-Length and Transfer-Encoding', 'Transfer-Encoding and Content-Length'],
  ...['two equal Content-Lengths', 'a list of Content-Lengths', 'two equal Hosts'],
  ...['a list that ends in chunked', 'a list that begins with a comma', 'identity before chunked'],
]

withHaproxy('haproxy: the conformance suite', () => {
  const root = mkdtempSync(join(tmpdir(), 'tenfold-haproxy-'))
  after(() => rm(root, { recursive: true, force: true }))
  let count = 0
  const open = async (upstreams: Upstreams) => {
    count++
    return openHaproxyBalancer(upstreams, { dir: join(root, String(count)), limits })
  }
  balancerConformance('haproxy', open, { lacks, mends })
})
