// The body of one request as it comes in: where it ends, and whether it comes fast enough. Reused for each request of a
// connection.

import { BodyClock } from './body-clock.ts'
import { ChunkedReader } from './chunked.ts'
import type { Framing } from './framing.ts'
import type { ServerLimits } from './limits.ts'
import type { Refusal } from './refusals.ts'

export class ClientBody {
  /** What the last `step` gave; empty when both are equal. */
  pieceStart = 0
  pieceEnd = 0
  isDone = true
  refusal: Refusal | undefined
  /** Of the body so far. */
  bytes = 0
  readonly clock: BodyClock
  readonly #limits: ServerLimits
  #chunked: ChunkedReader | undefined
  #isChunked = false
  #left = 0

  constructor(limits: ServerLimits) {
    this.#limits = limits
    this.clock = new BodyClock(limits)
  }

  /** What is known to come. */
  get ahead(): number {
    return this.isDone || this.#isChunked ? 0 : this.#left
  }

  begin({ bodyKind, contentLength }: Framing): void {
    this.isDone = false
    this.refusal = undefined
    this.bytes = 0
    this.#isChunked = bodyKind === 'chunked'
    this.#left = contentLength
    if (!this.#isChunked) return
    this.#chunked ??= new ChunkedReader(this.#limits)
    this.#chunked.reset()
  }

  /** Takes bytes up to the end of one piece, or all; the answer is the place behind the last one taken. */
  step(bytes: Buffer, at: number, end: number, nowMs: number): number {
    const next = this.#isChunked ? this.#stepChunked(bytes, at, end) : this.#stepLength(at, end)
    const size = this.pieceEnd - this.pieceStart
    this.bytes += size
    this.clock.took(size, nowMs)
    return next
  }

  #stepLength(at: number, end: number): number {
    const next = at + Math.min(this.#left, end - at)
    this.#left -= next - at
    this.isDone = this.#left === 0
    this.pieceStart = at
    this.pieceEnd = next
    return next
  }

  #stepChunked(bytes: Buffer, at: number, end: number): number {
    const chunked = this.#chunked as ChunkedReader
    const next = chunked.step(bytes, at, end)
    this.refusal = chunked.refusal
    this.isDone = chunked.isDone
    this.pieceStart = chunked.pieceStart
    this.pieceEnd = chunked.pieceEnd
    return next
  }
}
