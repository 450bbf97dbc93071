// What the edge has done, and what that is worth.

import type { RequestHead } from '../../net/http1/request-head.ts'
import type { EdgeReport, EdgeSettings } from './contract.ts'
import { isFromSibling } from './siblings.ts'

export type Outcome = keyof EdgeReport['requests']

const gigabyte = 1e9

export class EdgeCounts {
  readonly requests: EdgeReport['requests'] = { hit: 0, stale: 0, revalidated: 0, miss: 0, coalesced: 0, pass: 0 }
  bytesOut = 0
  bytesFromOrigin = 0

  /** What another front asks for, a client asks that one for: it is counted there. */
  add(outcome: Outcome, request: RequestHead): void {
    if (!isFromSibling(request)) this.requests[outcome]++
  }

  /** It was counted as one thing and became another. */
  undo(outcome: Outcome, request: RequestHead): void {
    if (!isFromSibling(request)) this.requests[outcome]--
  }

  addBytesOut(bytes: number, request: RequestHead): void {
    if (!isFromSibling(request)) this.bytesOut += bytes
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
