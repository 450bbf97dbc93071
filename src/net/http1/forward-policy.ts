// Which server gets a request, and whether a failed one may be tried at another: what a balancer decides.

import type { OwnAnswer } from './answer-writer.ts'
import type { Counters } from './counters.ts'
import type { Exchange, FinishedExchange } from './exchange.ts'
import type { Failure } from './failure.ts'
import type { ForwardLimits } from './limits.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/** A request on its way, as a policy sees it. */
export interface ForwardedRequest {
  readonly exchange: Exchange
  /** Servers that were asked so far. */
  readonly tried: readonly Upstream[]
  /** Doing it twice is the same as doing it once: by its method, or because the client says so by an Idempotency-Key. */
  readonly isRepeatable: boolean
  /** When the server was picked that has it now, on the clock of `performance.now`. */
  readonly pickedMs: number
}

/** A server to send to; a policy may keep what it likes beside the pool. */
export interface Upstream {
  readonly pool: UpstreamPool
}

export interface ForwardPolicy {
  readonly retryAfterSeconds: number
  /** A server for this request, `tried` has those that failed it; or what to answer when there is none. */
  pick(request: ForwardedRequest): Upstream | OwnAnswer
  /** The head of the server's answer is here. What this gives, finished lines `name: value\r\n`, goes to the client with it. */
  answering?(request: ForwardedRequest, upstream: Upstream): string
  /** True when the request, if it can be sent again, shall be: there is a budget, and there may be another server. */
  failed(request: ForwardedRequest, upstream: Upstream, failure: Failure): boolean
  /** The server has no more to do with the request. Once for each `pick` that gave one. */
  released(request: ForwardedRequest, upstream: Upstream): void
  finished?(exchange: FinishedExchange): void
}

export interface ForwardContext {
  readonly policy: ForwardPolicy
  readonly limits: ForwardLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
}
