// The suite that every balancer engine passes. An engine's test calls it with its name and how to open one; what the engine
// lacks is named there, and in its README.

import type { OpenBalancer } from './testing/bench.ts'
import type { Capability } from './testing/capabilities.ts'
import { changingSuite } from './testing/changing.ts'
import { choosingSuite } from './testing/choosing.ts'
import { framingSuite } from './testing/framing.ts'
import { overloadSuite } from './testing/overload.ts'
import { proxyingSuite } from './testing/proxying.ts'
import { relayingSuite } from './testing/relaying.ts'
import { survivingSuite } from './testing/surviving.ts'

export interface ConformanceOptions {
  lacks?: readonly Capability[]
  /** Malformed requests, by their names in the suite, that the engine's parser makes good instead of refusing them. */
  mends?: readonly string[]
}

export function balancerConformance(
  engine: string,
  open: OpenBalancer,
  { lacks = [], mends = [] }: ConformanceOptions = {},
): void {
  proxyingSuite(engine, open, lacks)
  framingSuite(engine, open, { lacks, mends })
  choosingSuite(engine, open, lacks)
  overloadSuite(engine, open, lacks)
  survivingSuite(engine, open, lacks)
  changingSuite(engine, open)
  relayingSuite(engine, open, lacks)
}
