// What all requests on their way through one forwarder share.

import type { Counters } from './counters.ts'
import type { GuardedPolicy } from './guarded-policy.ts'
import type { ForwardLimits } from './limits.ts'
import type { TimerWheel } from './timer-wheel.ts'

export interface ForwardContext {
  readonly policy: GuardedPolicy
  readonly limits: ForwardLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
}
