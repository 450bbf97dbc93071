// What the edge has done, and what that is worth.

import type { Exchange } from '../../net/http1/exchange.ts'
import type { EdgeReport, EdgeSettings } from './contract.ts'
import type { Siblings } from './siblings.ts'

export type Outcome = keyof EdgeReport['requests']

const gigabyte = 1e9

export class EdgeCounts {
  readonly requests: EdgeReport['requests'] = { hit: 0, stale: 0, revalidated: 0, miss: 0, coalesced: 0, pass: 0 }
  bytesOut = 0
  bytesFromOrigin = 0
  readonly #siblings: Pick<Siblings, 'originOf'> | undefined

  constructor(siblings?: Pick<Siblings, 'originOf'>) {
    this.#siblings = siblings
  }

  add(outcome: Outcome, exchange: Exchange): void {
    if (!this.#isCountedElsewhere(exchange)) this.requests[outcome]++
  }

  /** It was counted as one thing and became another. */
  undo(outcome: Outcome, exchange: Exchange): void {
    if (!this.#isCountedElsewhere(exchange)) this.requests[outcome]--
  }

  addBytesOut(bytes: number, exchange: Exchange): void {
    if (!this.#isCountedElsewhere(exchange)) this.bytesOut += bytes
  }

  /** What another front asks for, a client asks that one for. Whoever only says that it is a front is a client like others. */
  #isCountedElsewhere(exchange: Exchange): boolean {
    return this.#siblings?.originOf(exchange) !== undefined
  }

  /** What a CDN would bill, and what the origin's traffic would have cost for the bytes that it did not have to send. */
  cost({
    pricePerGigabyte,
    originPricePerGigabyte,
  }: Pick<EdgeSettings, 'pricePerGigabyte' | 'originPricePerGigabyte'>): EdgeReport['cost'] {
    const bytesSaved = Math.max(0, this.bytesOut - this.bytesFromOrigin)
    return {
      billed: (this.bytesOut / gigabyte) * pricePerGigabyte,
      saved: (bytesSaved / gigabyte) * originPricePerGigabyte,
    }
  }
}
