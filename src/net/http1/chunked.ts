// Reads a chunked body (RFC 9112, 7.1), resumable at every byte. Extensions are checked, bounded and dropped; trailers are
// read as strictly as headers.
//
// Worked example: `5;x=1\r\nhello\r\n0\r\n\r\n`. The first `step` takes the size line and gives `hello` as its piece; the
// second takes the line end, the last chunk and the empty trailer section, gives no piece, and the body is done.

import { byteClasses, CR, hexValues, LF, SEMICOLON, valueByte } from './byte-classes.ts'
import { HeadParser } from './head-parser.ts'
import { type Refusal, refusals } from './refusals.ts'

const sizeStart = 0
const size = 1
const extension = 2
const sizeLf = 3
const data = 4
const dataCr = 5
const dataLf = 6
const trailers = 7
const done = 8

const sizeDigitsMax = 16

export interface ChunkedLimits {
  chunkExtensionBytesMax: number
  trailerBytesMax: number
  headerFieldsMax: number
}

export class ChunkedReader {
  refusal: Refusal | undefined
  /** The piece of the body that the last `step` gave; empty when both are equal. */
  pieceStart = 0
  pieceEnd = 0
  /** The trailer section, once the body is done. */
  readonly trailers: HeadParser
  readonly #extensionBytesMax: number
  #state = sizeStart
  #left = 0
  #digits = 0
  #extensionBytes = 0

  constructor({ chunkExtensionBytesMax, trailerBytesMax, headerFieldsMax }: ChunkedLimits) {
    this.#extensionBytesMax = chunkExtensionBytesMax
    this.trailers = new HeadParser('trailers', { headerBytesMax: trailerBytesMax, headerFieldsMax })
  }

  reset(): void {
    this.refusal = undefined
    this.pieceStart = this.pieceEnd = 0
    this.trailers.reset()
    this.#state = sizeStart
    this.#left = this.#digits = this.#extensionBytes = 0
  }

  get isDone(): boolean {
    return this.#state === done
  }

  /** Takes bytes up to the end of one piece of body, or all; the answer is the place behind the last one taken. */
  step(bytes: Buffer, at: number, end: number): number {
    this.pieceStart = this.pieceEnd = at
    let i = at
    while (i < end) {
      const byte = bytes[i] as number
      switch (this.#state) {
        case sizeStart:
        case size: {
          const digit = hexValues[byte] as number
          if (digit !== 255) {
            this.#left = this.#left * 16 + digit
            if (++this.#digits > sizeDigitsMax || this.#left > Number.MAX_SAFE_INTEGER)
              return this.#refuse(refusals.chunkSize, at)
            this.#state = size
          } else if (this.#state === sizeStart) return this.#refuse(refusals.chunkSize, at)
          else if (byte === CR) this.#state = sizeLf
          else if (byte === SEMICOLON) this.#state = extension
          else return this.#refuse(refusals.chunkSize, at)
          break
        }
        case extension:
          if (byte === CR) this.#state = sizeLf
          else if (
            ((byteClasses[byte] as number) & valueByte) === 0 ||
            ++this.#extensionBytes > this.#extensionBytesMax
          )
            return this.#refuse(refusals.chunkExtension, at)
          break
        case sizeLf:
          if (byte !== LF) return this.#refuse(refusals.bareLineEnd, at)
          this.#state = this.#left === 0 ? trailers : data
          this.#digits = 0
          break
        case data: {
          const taken = Math.min(this.#left, end - i)
          this.pieceStart = i
          this.pieceEnd = i + taken
          this.#left -= taken
          if (this.#left === 0) this.#state = dataCr
          return i + taken
        }
        case dataCr:
          if (byte !== CR) return this.#refuse(refusals.chunkEnd, at)
          this.#state = dataLf
          break
        case dataLf:
          if (byte !== LF) return this.#refuse(refusals.chunkEnd, at)
          this.#state = sizeStart
          break
        case trailers:
          return this.#readTrailers(bytes, i, end)
        default:
          return i
      }
      i++
    }
    this.pieceStart = this.pieceEnd = i
    return i
  }

  #readTrailers(bytes: Buffer, at: number, end: number): number {
    this.pieceStart = this.pieceEnd = at
    const next = this.trailers.read(bytes, at, end)
    const { refusal } = this.trailers
    if (refusal !== undefined) return this.#refuse(refusal.status === 431 ? refusals.trailersTooLarge : refusal, at)
    if (this.trailers.isDone) this.#state = done
    return next
  }

  #refuse(refusal: Refusal, at: number): number {
    this.refusal = refusal
    this.pieceStart = this.pieceEnd = at
    return at
  }
}
