// Which server gets a request, and whether a failed one may be tried at another: what a balancer decides.

import type { OwnAnswer } from './answer-writer.ts'
import type { Exchange, FinishedExchange } from './exchange.ts'
import type { Failure } from './failure.ts'
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
  /** All of its body was here before the server was asked: the time that it takes is the server's own. */
  readonly isBodyKept: boolean
  /** After `pick` said 'wait', and once: asks it again. */
  proceed(): void
  /** After `pick` said 'wait', and once: nothing came of it. */
  giveUp(own: OwnAnswer): void
}

/** A server to send to; a policy may keep what it likes beside the pool. */
export interface Upstream {
  readonly pool: UpstreamPool
}

export interface ForwardPolicy {
  readonly retryAfterSeconds: number
  /**
   * A server for this request, `tried` has those that failed it; or what to answer when there is none. 'wait': the policy
   * keeps the request, and calls its `proceed` or `giveUp` later, unless it calls `left` first.
   */
  pick(request: ForwardedRequest): Upstream | OwnAnswer | 'wait'
  /** The client of a request that waits has gone. */
  left?(request: ForwardedRequest): void
  /** The head of the server's answer is here. What this gives, finished lines `name: value\r\n`, goes to the client with it. */
  answering?(request: ForwardedRequest, upstream: Upstream): string
  /**
   * `canRepeat`: it can be sent again, and will be when this is true: there is a budget, and there may be another server.
   */
  failed(request: ForwardedRequest, upstream: Upstream, failure: Failure, canRepeat: boolean): boolean
  /** The server has no more to do with the request. Once for each `pick` that gave one. */
  released(request: ForwardedRequest, upstream: Upstream): void
  finished?(exchange: FinishedExchange): void
}
