// The body of an answer on its way, as all who wait for it read it. Only its newest bytes are held; when it is kept, the
// store has the others.

import { windowBytesMax } from './limits.ts'
import type { Kept } from './store/contract.ts'

/** As much of a kept body goes to a client at once. */
const pieceBytes = 64 * 1024

export class SharedBody {
  /** So far; of the whole when it is whole. */
  bytes = 0
  isWhole = false
  readonly #pieces: Buffer[] = []
  /** Where the first piece begins. */
  #start = 0
  #kept: Kept | undefined
  /** Held on to: the store may put it away while somebody still reads it here. */
  #whole: Buffer | undefined

  /** Undefined while it is not kept. */
  get kept(): Kept | undefined {
    return this.#kept
  }

  /** It is whole, and kept. */
  settle(kept: Kept): void {
    this.#kept = kept
    this.#whole = kept.body
    if (this.#whole !== undefined) this.#pieces.length = 0
  }

  add(bytes: Buffer, start: number, end: number): void {
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
    this.bytes += end - start
    while (this.bytes - this.#start > windowBytesMax && this.#pieces.length > 1) {
      const first = this.#pieces.shift() as Buffer
      this.#start += first.length
    }
  }

  /** The bytes there, or a first part of them. Undefined: there are none yet, or none any more. */
  from(offset: number): Buffer | undefined {
    const whole = this.#whole
    if (whole !== undefined) return offset < whole.length ? whole.subarray(offset, offset + pieceBytes) : undefined
    let at = this.#start
    if (offset < at) return undefined
    for (const piece of this.#pieces) {
      if (offset < at + piece.length) return piece.subarray(offset - at)
      at += piece.length
    }
    return undefined
  }

  /** What a reader at this place needs is not held any more. */
  hasLost(offset: number): boolean {
    return offset < this.#start && this.#whole === undefined
  }
}
