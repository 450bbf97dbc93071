// What a configuration is made of.

import type { HaproxyFiles } from '../../../../../programs/haproxy/files.ts'
import type { Unprivileged } from '../../../../../programs/private-files.ts'
import type { Upstreams } from '../../../contract.ts'
import type { BalancerOptions } from '../../../options.ts'
import type { Listener } from '../listener.ts'
import type { HaproxyBalancerOptions, HaproxyLimits } from '../options.ts'

export interface ConfigurationInput {
  upstreams: Upstreams
  listeners: readonly Listener[]
  /** The inherited sockets, in the order in which HAProxy got them. */
  descriptors: readonly number[]
  files: HaproxyFiles
  /** What HAProxy answers at /-/ready is kept here. */
  readyMap: string
  options: HaproxyBalancerOptions & BalancerOptions
  limits: HaproxyLimits
  user: Unprivileged | undefined
}
