// The embedded balancer. The mode is for life: a front that changes it is another front.

import type { Balancer, Upstreams } from '../../contract.ts'
import { HttpBalancer } from './http-balancer.ts'
import type { NodeBalancerOptions } from './node-balancer-options.ts'
import { TcpBalancer } from './tcp/tcp-balancer.ts'

export type { NodeBalancerOptions }

export function openNodeBalancer(upstreams: Upstreams, options: NodeBalancerOptions = {}): Balancer {
  return upstreams.mode === 'tcp' ? new TcpBalancer(upstreams, options) : new HttpBalancer(upstreams, options)
}
