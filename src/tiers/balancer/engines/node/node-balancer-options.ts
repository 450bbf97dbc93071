// What the embedded balancer is opened with, beside what the topology says of servers (contract.ts, Upstreams).

import type { BlockList } from 'node:net'
import type { Handler } from '../../../../net/http1/exchange.ts'
import type { ForwardLimits, ServerLimits, UpstreamLimits } from '../../../../net/http1/limits.ts'
import type { TlsOptions } from '../../../../net/tls/tls-terminator.ts'
import type { AccessLog } from '../../access-log/access-log.ts'
import type { BalancerOptions } from '../../options.ts'

export interface NodeBalancerOptions extends Partial<BalancerOptions> {
  server?: Partial<ServerLimits>
  upstream?: Partial<UpstreamLimits>
  forward?: Partial<ForwardLimits>
  /** What stands between the listeners and the balancer: the edge. Not in mode `tcp`. */
  before?: (origin: Handler) => Handler
  /** Peers whose X-Forwarded-* and Forwarded fields are believed, and who are not limited by address. */
  trustedPeers?: BlockList
  /** Connections to public listeners must begin with a PROXY header, and come from one of these. Not in mode `tcp`. */
  proxyProtocol?: { from: BlockList }
  /** In mode `tcp`: each connection to a server begins with a PROXY header (version 2) that says who the client is. */
  sendsProxyHeader?: boolean
  /** For listeners that end TLS. Not in mode `tcp`. */
  tls?: TlsOptions
  /** Requests of one client address beyond it are answered 429. 0: as many as it likes. Not in mode `tcp`. */
  requestsPerSecondPerAddress?: number
  /** One line for each request. The balancer's own from here on: it is closed with it. Not in mode `tcp`. */
  accessLog?: AccessLog
}
