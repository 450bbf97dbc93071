// The handler that passes requests on to servers. Which server, and whether a failed request may be tried at another, is
// the policy's to say: a balancer is one.

import type { Counters } from './counters.ts'
import type { Exchange, FinishedExchange, Handler } from './exchange.ts'
import { Forward } from './forward.ts'
import type { ForwardContext } from './forward-context.ts'
import type { ForwardPolicy } from './forward-policy.ts'
import { GuardedPolicy } from './guarded-policy.ts'
import { defaultForwardLimits, type ForwardLimits } from './limits.ts'
import type { TimerWheel } from './timer-wheel.ts'

export class Forwarder implements Handler, ForwardContext {
  readonly policy: GuardedPolicy
  readonly limits: ForwardLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  readonly finished?: (exchange: FinishedExchange) => void

  constructor(
    policy: ForwardPolicy,
    { limits, wheel, counts }: { limits?: Partial<ForwardLimits>; wheel: TimerWheel; counts: Counters },
  ) {
    this.policy = new GuardedPolicy(policy)
    this.limits = { ...defaultForwardLimits, ...limits }
    this.wheel = wheel
    this.counts = counts
    if (policy.finished !== undefined) this.finished = (exchange) => policy.finished?.(exchange)
  }

  handle(exchange: Exchange): void {
    let forward = exchange.kept as Forward | undefined
    if (forward === undefined) {
      forward = new Forward(exchange, this)
      exchange.kept = forward
    }
    forward.start()
  }
}
