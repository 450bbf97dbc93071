// The body of a client's request, readable more than once as long as it is small: what was read for one server is
// kept for the next one. Reading follows the slower side, so a large body is never in memory whole.

import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { TenfoldError } from '../../../../base/errors.ts'

export class RequestBody {
  readonly #request: IncomingMessage
  readonly #keptBytesMax: number
  readonly #bytesMax: number
  readonly #source: AsyncIterator<Buffer>
  #kept: Buffer[] = []
  /** Shared, so that a piece asked for by an attempt that died reaches the next one. */
  #coming: Promise<Buffer | undefined> | undefined
  #bytes = 0
  #isKept = true
  #failure: Error | undefined

  constructor(request: IncomingMessage, { keptBytesMax, bytesMax }: { keptBytesMax: number; bytesMax: number }) {
    this.#request = request
    this.#keptBytesMax = keptBytesMax
    this.#bytesMax = bytesMax
    this.#source = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  }

  /** Whether `open` may be called again. */
  get isKept(): boolean {
    return this.#isKept
  }

  /** Why the client's body cannot be read to its end: it went away, or sent more than it may. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** The whole of a body that is known to be small. @throws what `failure` says. */
  async whole(): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of this.#read()) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  /** From the first byte on: what is kept, then what still comes. */
  open(): Readable {
    const stream = Readable.from(this.#read(), { objectMode: false })
    stream.on('error', () => {}) // told by `failure`
    return stream
  }

  /** Lets go of the request, so that the rest of it can be dropped. */
  async release(): Promise<void> {
    await this.#source.return?.().catch(() => {})
  }

  async *#read(): AsyncGenerator<Buffer> {
    for (let index = 0; ; index++) {
      const piece = (this.#isKept && this.#kept[index]) || (await this.#pull())
      if (piece === undefined) return
      yield piece
    }
  }

  #pull(): Promise<Buffer | undefined> {
    if (!this.#coming) {
      const coming = this.#next().finally(() => {
        this.#coming = undefined
      })
      coming.catch(() => {}) // the attempt that asked may be gone
      this.#coming = coming
    }
    return this.#coming
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { done, value } = await this.#source.next()
      if (done) {
        if (!this.#request.complete) throw new TenfoldError('closed', 'the client went away inside its body')
        return undefined
      }
      this.#bytes += value.length
      if (this.#bytes > this.#bytesMax)
        throw new TenfoldError('too-large', `the request body is larger than ${this.#bytesMax} bytes`)
      if (this.#isKept) this.#kept.push(value)
      if (this.#bytes > this.#keptBytesMax) this.#forget()
      return value
    } catch (error) {
      this.#failure ??= error as Error
      throw error
    }
  }

  #forget(): void {
    this.#isKept = false
    this.#kept = []
  }
}
