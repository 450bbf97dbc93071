// One pass over the head of a message: request line or status line, then fields. Strict as front ends must be: what two
// readers could understand differently is refused (RFC 9112 and the reasons in refusals.ts).
//
// Resumable at every byte: `read` takes what has come and says how much of it belongs to the head. A head that lies in one
// read is never copied; one that comes in pieces is put together in a buffer of its own.

import {
  byteClasses,
  COLON,
  CR,
  digitByte,
  LF,
  SP,
  TAB,
  targetByte,
  tokenByte,
  underscoreByte,
  valueByte,
} from './byte-classes.ts'
import { FieldBlock } from './field-block.ts'
import { fieldKinds, kindOfField } from './field-names.ts'
import { type Refusal, refusals } from './refusals.ts'

export interface HeadLimits {
  headerBytesMax: number
  headerFieldsMax: number
}

// States, in the order in which a head is read.
const blank = 0
const blankLf = 1
const method = 2
const target = 3
const version = 4
const reason = 5
const firstLineLf = 6
const fieldStart = 7
const name = 8
const valueStart = 9
const value = 10
const fieldLf = 11
const endLf = 12
const done = 13

const versionText = [72, 84, 84, 80, 47] // HTTP/
const blankLinesMax = 4
const partialBytesAtFirst = 1024

export class HeadParser extends FieldBlock {
  /** Set when the message cannot be taken. */
  refusal: Refusal | undefined
  /** Places in the first line, counted from `base`. */
  methodStart = 0
  targetStart = 0
  targetEnd = 0
  reasonStart = 0
  reasonEnd = 0
  minorVersion = 0
  status = 0
  readonly #first: number
  readonly #limits: HeadLimits
  #state: number
  #at = 0
  #blankLines = 0
  #versionStart = 0
  #majorVersion = 0
  #nameStart = 0
  #nameEnd = 0
  #valueStart = 0
  #seen = 0
  #partial: Buffer | undefined
  #partialBytes = 0

  constructor(kind: 'request' | 'answer' | 'trailers', limits: HeadLimits) {
    super()
    this.#limits = limits
    this.#first = kind === 'request' ? blank : kind === 'answer' ? version : fieldStart
    this.#state = this.#first
  }

  /** Before each message. */
  reset(): void {
    this.#state = this.#first
    this.#at = 0
    this.#blankLines = 0
    this.#versionStart = 0
    this.#seen = 0
    this.#partial = undefined
    this.#partialBytes = 0
    this.count = 0
    this.size = 0
    this.status = 0
    this.targetEnd = 0
    this.refusal = undefined
    this.isOwned = false
  }

  get isDone(): boolean {
    return this.#state === done
  }

  /** Whether a byte of the message has come; blank lines before a request are none. */
  get hasBegun(): boolean {
    return this.#state !== this.#first && this.#state !== blankLf
  }

  /** Reads on from `at`; the answer is the place behind the last byte that was taken. */
  read(bytes: Buffer, at: number, end: number): number {
    if (this.#partialBytes > 0) return this.#readOn(bytes, at, end)
    this.bytes = bytes
    this.base = at
    this.refusal = this.#scan(bytes, at, end)
    if (this.refusal !== undefined) return at
    if (this.#state === done) return at + this.#at
    this.#keep(bytes, at, end)
    return end
  }

  #readOn(bytes: Buffer, at: number, end: number): number {
    const before = this.#partialBytes
    this.#keep(bytes, at, Math.min(end, at + this.#limits.headerBytesMax + 1 - before))
    const partial = this.#partial as Buffer
    this.bytes = partial
    this.base = 0
    this.refusal = this.#scan(partial, 0, this.#partialBytes)
    if (this.refusal !== undefined) return at
    if (this.#state !== done) return end
    this.isOwned = true
    return at + this.#at - before
  }

  #keep(bytes: Buffer, at: number, end: number): void {
    const size = this.#partialBytes + end - at
    if (this.#partial === undefined || this.#partial.length < size) {
      const grown = Buffer.allocUnsafeSlow(Math.max(partialBytesAtFirst, 2 * size))
      this.#partial?.copy(grown, 0, 0, this.#partialBytes)
      this.#partial = grown
    }
    bytes.copy(this.#partial, this.#partialBytes, at, end)
    this.#partialBytes = size
  }

  #scan(bytes: Buffer, base: number, end: number): Refusal | undefined {
    let i = base + this.#at
    let state = this.#state
    scanning: while (i < end) {
      const byte = bytes[i] as number
      switch (state) {
        case blank:
          if (byte === CR && this.#blankLines < blankLinesMax) state = blankLf
          else if (byte === CR) return refusals.blankLines
          else {
            this.methodStart = i - base
            state = method
            continue
          }
          break
        case blankLf:
          if (byte !== LF) return refusals.bareLineEnd
          this.#blankLines++
          state = blank
          break
        case method:
          while (i < end && ((byteClasses[bytes[i] as number] as number) & tokenByte) !== 0) i++
          if (i === end) break scanning
          if (bytes[i] !== SP || i - base === this.methodStart) return refusals.method
          this.targetStart = i + 1 - base
          state = target
          break
        case target:
          while (i < end && ((byteClasses[bytes[i] as number] as number) & targetByte) !== 0) i++
          if (i === end) break scanning
          if (bytes[i] !== SP) return isLineEnd(bytes[i] as number) ? refusals.version : refusals.target
          if (i - base === this.targetStart) return refusals.target
          this.targetEnd = i - base
          this.#versionStart = i + 1 - base
          state = version
          break
        case version: {
          const next = this.#versionByte(byte, i - base - this.#versionStart)
          if (next < 0) return this.refusal
          state = next
          if (state === reason) this.reasonStart = this.reasonEnd = i + 1 - base
          break
        }
        case reason:
          while (i < end && ((byteClasses[bytes[i] as number] as number) & valueByte) !== 0) i++
          if (i === end) break scanning
          if (bytes[i] !== CR) return refusals.statusLine
          this.reasonEnd = i - base
          state = firstLineLf
          break
        case firstLineLf:
        case fieldLf:
          if (byte !== LF) return refusals.bareLineEnd
          state = fieldStart
          break
        case fieldStart:
          if (byte === CR) {
            state = endLf
            break
          }
          if (byte === SP || byte === TAB) return refusals.fold
          this.#nameStart = i - base
          this.#seen = 0
          state = name
          continue
        case name: {
          let seen = this.#seen
          let bits = 0
          while (i < end) {
            bits = byteClasses[bytes[i] as number] as number
            if ((bits & tokenByte) === 0) break
            seen |= bits
            i++
          }
          this.#seen = seen
          if (i === end) break scanning
          if (bytes[i] !== COLON || i - base === this.#nameStart) return nameRefusal(bytes[i] as number)
          this.#nameEnd = i - base
          state = valueStart
          break
        }
        case valueStart:
          if (byte === SP || byte === TAB) break
          this.#valueStart = i - base
          state = value
          continue
        case value:
          while (i < end && ((byteClasses[bytes[i] as number] as number) & valueByte) !== 0) i++
          if (i === end) break scanning
          if (bytes[i] !== CR) return bytes[i] === LF ? refusals.bareLineEnd : refusals.fieldValue
          if (this.count >= this.#limits.headerFieldsMax) return refusals.tooManyFields
          this.#addField(bytes, base, i)
          state = fieldLf
          break
        case endLf:
          if (byte !== LF) return refusals.bareLineEnd
          i++
          state = done
          break scanning
        default:
          break scanning
      }
      i++
    }
    this.#at = i - base
    this.#state = state
    if (state === done) this.size = i - base
    // One byte more than allowed is known to be too many only when it has come.
    if (this.#at <= this.#limits.headerBytesMax) return undefined
    const isFirstLine = state === target || this.targetEnd > this.#limits.headerBytesMax
    return isFirstLine ? refusals.targetTooLong : refusals.headTooLarge
  }

  /** The state behind this byte of the version, or of the status that follows it in an answer; -1 when it is refused. */
  #versionByte(byte: number, index: number): number {
    const isAnswer = this.#first === version
    const malformed = isAnswer ? refusals.statusLine : refusals.version
    const isDigit = ((byteClasses[byte] as number) & digitByte) !== 0
    let isRight: boolean
    if (index < 5) isRight = byte === versionText[index]
    else if (index === 5) {
      isRight = isDigit
      this.#majorVersion = byte - 48
    } else if (index === 6) isRight = byte === 46
    else if (index === 7) {
      isRight = isDigit
      this.minorVersion = byte - 48
    } else if (index === 8) {
      isRight = byte === (isAnswer ? SP : CR)
      if (isRight && (this.#majorVersion !== 1 || this.minorVersion > 1)) {
        this.refusal = refusals.versionNotServed
        return -1
      }
      if (isRight && !isAnswer) return firstLineLf
    } else if (index < 12) {
      isRight = isDigit && (index > 9 || (byte >= 49 && byte <= 53)) // 1xx to 5xx
      this.status = this.status * 10 + byte - 48
    } else {
      // Servers are known to leave out the space before an empty reason.
      if (byte === SP) return reason
      isRight = byte === CR
      this.reasonStart = this.reasonEnd = 0
      if (isRight) return firstLineLf
    }
    if (isRight) return version
    this.refusal = malformed
    return -1
  }

  #addField(bytes: Buffer, base: number, end: number): void {
    let valueEnd = end
    const valueStart = base + this.#valueStart
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd--
    const kind =
      (this.#seen & underscoreByte) !== 0
        ? fieldKinds.untrusted
        : kindOfField(bytes, base + this.#nameStart, base + this.#nameEnd)
    this.add(this.#nameStart, this.#nameEnd, this.#valueStart, valueEnd - base, kind)
  }
}

function isLineEnd(byte: number): boolean {
  return byte === CR || byte === LF
}

function nameRefusal(byte: number): Refusal {
  return byte === SP || byte === TAB ? refusals.spaceBeforeColon : refusals.fieldName
}
