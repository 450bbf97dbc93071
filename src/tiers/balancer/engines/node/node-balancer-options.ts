// What the embedded balancer is opened with, beside what the topology says of servers (contract.ts, Upstreams).

import type { Handler } from '../../../../net/http1/exchange.ts'
import type { ForwardLimits, ServerLimits, UpstreamLimits } from '../../../../net/http1/limits.ts'
import type { BalancerOptions } from '../../options.ts'

export interface NodeBalancerOptions extends Partial<BalancerOptions> {
  server?: Partial<ServerLimits>
  upstream?: Partial<UpstreamLimits>
  forward?: Partial<ForwardLimits>
  /** What stands between the listeners and the balancer: the edge. Not in mode `tcp`. */
  before?: (origin: Handler) => Handler
}
