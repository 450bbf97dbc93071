// A kept body on its way from disk to one client, piece by piece and at the client's pace.

import type { Exchange, ExchangeSink } from '../../net/http1/exchange.ts'
import { diskPieceBytes } from './limits.ts'
import type { Range } from './ranges.ts'
import type { Kept, KeptReader, Store } from './store/contract.ts'

export class DiskAnswer implements ExchangeSink {
  readonly #exchange: Exchange
  #at: number
  readonly #end: number
  #reader: KeptReader | undefined
  #isReading = false
  #isGone = false

  private constructor(exchange: Exchange, { start, end }: Range) {
    this.#exchange = exchange
    this.#at = start
    this.#end = end
    exchange.attach(this)
  }

  /**
   * `begin` sends the head, when the body can really be read. Resolves when the client has all of it or is gone; false when
   * nothing could be read and nothing was sent: the exchange is the caller's again.
   */
  static async send(
    exchange: Exchange,
    { store, kept, range, begin }: { store: Store; kept: Kept; range: Range; begin?: () => void },
  ): Promise<boolean> {
    const answer = new DiskAnswer(exchange, range)
    let piece: Buffer
    try {
      answer.#reader = await store.open(kept)
      piece = await answer.#read(answer.#reader)
    } catch {
      await answer.#close()
      if (answer.#isGone) return true
      if (begin !== undefined) return false
      exchange.abort()
      return true
    }
    if (!answer.#isGone) {
      begin?.()
      answer.#give(piece)
      await answer.#pump()
    } else await answer.#close()
    return true
  }

  onDrain(): void {
    void this.#pump()
  }

  onClientGone(): void {
    this.#isGone = true
    if (!this.#isReading) void this.#close()
  }

  /** One at a time; ends at the end, when the client is slower, or gone. */
  async #pump(): Promise<void> {
    if (this.#isReading) return
    const reader = this.#reader
    if (reader === undefined) return
    while (!this.#isGone && !this.#exchange.isBackedUp && this.#at < this.#end) {
      let piece: Buffer
      try {
        piece = await this.#read(reader)
      } catch {
        if (!this.#isGone) this.#exchange.abort()
        this.#isGone = true
        break
      }
      if (!this.#isGone) this.#give(piece)
    }
    if (!this.#isGone && this.#at < this.#end) return
    await this.#close()
    if (this.#isGone) return
    this.#isGone = true
    this.#exchange.answerEnd()
  }

  async #read(reader: KeptReader): Promise<Buffer> {
    this.#isReading = true
    try {
      return await reader.read(this.#at, Math.min(this.#end, this.#at + diskPieceBytes))
    } finally {
      this.#isReading = false
    }
  }

  #give(piece: Buffer): void {
    this.#at += piece.length
    this.#exchange.answerBody(piece, 0, piece.length)
    this.#exchange.flush()
  }

  async #close(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.close().catch(() => {})
  }

  // A request that is answered from here has no body.

  onBody(): void {}
  onBodyEnd(): void {}
  onBodyPause(): void {}
}
