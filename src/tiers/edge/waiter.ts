// One request that waits for a fetch, and how far its client has read the answer.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { Exchange, ExchangeSink } from '../../net/http1/exchange.ts'
import type { SharedBody } from './shared-body.ts'
import type { Kept } from './store/contract.ts'

/** What a waiter is a part of, while it waits. */
export interface WaitedFor {
  /** Its client can take more. */
  drained(waiter: Waiter): void
  /** Its client is gone. */
  left(waiter: Waiter): void
}

export class Waiter implements ExchangeSink {
  readonly exchange: Exchange
  /** How often the request was asked for already. */
  readonly attempt: number
  /** It wants a part, or knows a version: it is answered from the whole, when that is kept. */
  readonly needsWhole: boolean
  /** Body bytes that were given to its client. */
  sent = 0
  hasHead = false
  /** Its client went away. */
  isGone = false
  /** Its exchange was handed on, or is over. */
  isElsewhere = false
  #fetch: WaitedFor | undefined
  #body: SharedBody | undefined
  readonly #continueFromDisk: (exchange: Exchange, kept: Kept, from: number) => void

  constructor(
    exchange: Exchange,
    {
      attempt,
      needsWhole,
      continueFromDisk,
    }: {
      attempt: number
      needsWhole: boolean
      /** The exchange is that one's from then on. */
      continueFromDisk: (exchange: Exchange, kept: Kept, from: number) => void
    },
  ) {
    this.exchange = exchange
    this.attempt = attempt
    this.needsWhole = needsWhole
    this.#continueFromDisk = continueFromDisk
    exchange.attach(this)
  }

  joined(fetch: WaitedFor): void {
    this.#fetch = fetch
  }

  /** The fetch is over; what has come of it is still read to its end. */
  left(): void {
    this.#fetch = undefined
  }

  /** The exchange is somebody else's from here on. */
  detach(): void {
    this.isElsewhere = true
    this.#fetch = undefined
    this.#body = undefined
  }

  begin(head: AnswerHead, lines: string, body: SharedBody): void {
    this.hasHead = true
    this.#body = body
    this.exchange.answerHead(head, lines)
  }

  /** Gives its client what there is for it. True when that was the last of it. */
  pump(): boolean {
    const { exchange } = this
    const body = this.#body
    if (body === undefined) return false
    while (!exchange.isBackedUp) {
      const piece = body.from(this.sent)
      if (piece === undefined) break
      this.sent += piece.length
      exchange.answerBody(piece, 0, piece.length)
    }
    if (!body.isWhole || exchange.isBackedUp) {
      exchange.flush()
      return false
    }
    if (this.sent < body.bytes && body.hasLost(this.sent)) this.#fellBack(body)
    else if (this.sent === body.bytes) {
      this.detach()
      exchange.answerEnd()
    } else {
      exchange.flush()
      return false
    }
    return true
  }

  onDrain(): void {
    const fetch = this.#fetch
    if (fetch !== undefined) fetch.drained(this)
    else this.pump()
  }

  onClientGone(): void {
    this.isGone = true
    const fetch = this.#fetch
    this.detach()
    fetch?.left(this)
  }

  #fellBack(body: SharedBody): void {
    const { exchange } = this
    this.detach()
    if (body.kept === undefined) exchange.abort()
    else this.#continueFromDisk(exchange, body.kept, this.sent)
  }

  // A request that waits here has no body.

  onBody(): void {}
  onBodyEnd(): void {}
  onBodyPause(): void {}
}
