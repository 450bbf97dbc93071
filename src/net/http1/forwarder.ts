// The handler that passes requests on to servers. Which server, and whether a failed request may be tried at another, is
// the policy's to say: a balancer is one.

import type { OwnAnswer } from './answer-writer.ts'
import type { Counters } from './counters.ts'
import type { Exchange, FinishedExchange, Handler } from './exchange.ts'
import type { Failure } from './failure.ts'
import { Forward } from './forward.ts'
import { defaultForwardLimits, type ForwardLimits } from './limits.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/** A server to send to; a policy may keep what it likes beside the pool. */
export interface Upstream {
  readonly pool: UpstreamPool
}

export interface ForwardPolicy {
  readonly retryAfterSeconds: number
  /** A server for this request, `tried` has those that failed it; or what to answer when there is none. */
  pick(forward: Forward): Upstream | OwnAnswer
  /** True when the request, if it can be sent again, shall be: there is a budget, and there may be another server. */
  failed(forward: Forward, upstream: Upstream, failure: Failure): boolean
  /** The server has no more to do with the request. Once for each `pick` that gave one. */
  released(forward: Forward, upstream: Upstream): void
  finished?(exchange: FinishedExchange): void
}

export interface ForwardContext {
  readonly policy: ForwardPolicy
  readonly limits: ForwardLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
}

export class Forwarder implements Handler, ForwardContext {
  readonly policy: ForwardPolicy
  readonly limits: ForwardLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  readonly finished?: (exchange: FinishedExchange) => void

  constructor(
    policy: ForwardPolicy,
    { limits, wheel, counts }: { limits?: Partial<ForwardLimits>; wheel: TimerWheel; counts: Counters },
  ) {
    this.policy = policy
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
