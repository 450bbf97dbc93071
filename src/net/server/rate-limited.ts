// A handler that refuses, before the one behind it hears of them, requests of an address beyond its rate (RFC 6585, 4).
// Trusted peers speak for many clients and are not limited.

import { type Counters, counters } from '../http1/counters.ts'
import type { Exchange, FinishedExchange, Handler } from '../http1/exchange.ts'
import type { RequestRate } from './request-rate.ts'

export class RateLimited implements Handler {
  readonly finished?: (exchange: FinishedExchange) => void
  readonly #behind: Handler
  readonly #rate: RequestRate
  readonly #counts: Counters

  constructor(behind: Handler, rate: RequestRate, counts: Counters) {
    this.#behind = behind
    this.#rate = rate
    this.#counts = counts
    if (behind.finished !== undefined) this.finished = (exchange) => behind.finished?.(exchange)
  }

  handle(exchange: Exchange): void {
    const { origin } = exchange
    const waitMs = origin.isTrusted ? 0 : this.#rate.take(origin.address)
    if (waitMs === 0) {
      this.#behind.handle(exchange)
      return
    }
    this.#counts.add(counters.rateRefused)
    exchange.answer({
      status: 429,
      code: 'overloaded',
      message: 'there are too many requests from this address; try again later',
      retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
    })
  }
}
