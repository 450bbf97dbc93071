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

export function balancerConformance(
  engine: string,
  open: OpenBalancer,
  { lacks = [] }: { lacks?: readonly Capability[] } = {},
): void {
  proxyingSuite(engine, open)
  framingSuite(engine, open)
  choosingSuite(engine, open, lacks)
  overloadSuite(engine, open, lacks)
  survivingSuite(engine, open)
  changingSuite(engine, open)
  relayingSuite(engine, open)
}
