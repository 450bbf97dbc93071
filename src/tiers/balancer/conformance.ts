// The suite that every balancer engine passes. An engine's test calls it with its name and how to open one.

import type { OpenBalancer } from './testing/bench.ts'
import { framingSuite } from './testing/framing.ts'
import { proxyingSuite } from './testing/proxying.ts'
import { survivingSuite } from './testing/surviving.ts'

export function balancerConformance(engine: string, open: OpenBalancer): void {
  proxyingSuite(engine, open)
  framingSuite(engine, open)
  survivingSuite(engine, open)
}
