// The answer of one stream on its way out, and counted. What the client's windows hold back stays with the stream.

import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { TenfoldError } from '../../base/errors.ts'
import type { AnswerHead } from '../http1/answer-head.ts'
import { warnOfFault } from '../http1/fault.ts'
import type { HeadParser } from '../http1/head-parser.ts'
import { fieldsObject } from './answer-fields.ts'

/** Of a large body of our own, as much is written at once. */
const ownPieceBytes = 256 * 1024
/** As much is put together before it is written. */
const flushBytes = 64 * 1024
const emptyBytes: Buffer = Buffer.alloc(0)

export class StreamSender {
  status = 0
  bodyBytes = 0
  isHeadSent = false
  /** The stream holds more than it should; its `drain` event ends that. */
  isBackedUp = false
  #stream: ServerHttp2Stream | undefined
  #hasNoBody = false
  /** Pieces that wait for `flush`. */
  #pieces: Buffer[] = []
  #pendingBytes = 0
  #awaitsTrailers = false
  #trailers: OutgoingHttpHeaders = {}
  /** What the stream held when `hasGoneOn` was asked last. */
  #heldBytes = 0
  /** Of a large body of our own. */
  #rest = emptyBytes

  begin(stream: ServerHttp2Stream): void {
    this.#stream = stream
    this.status = this.bodyBytes = 0
    this.isHeadSent = this.isBackedUp = this.#hasNoBody = this.#awaitsTrailers = false
    this.#trailers = {}
    this.#heldBytes = 0
  }

  /** The stream has closed: what was not sent never will be. */
  end(): void {
    this.#stream = undefined
    this.#pieces = []
    this.#pendingBytes = 0
    this.#rest = emptyBytes
  }

  interim(head: AnswerHead): void {
    if (!this.isHeadSent)
      this.#open?.additionalHeaders({ ...fieldsObject(head, 'answer', head.framing.nominated), ':status': head.status })
  }

  sendContinue(): void {
    if (!this.isHeadSent) this.#open?.additionalHeaders({ ':status': 100 })
  }

  /** `isHead`: it answers a HEAD request. `hasTrailers`: some may follow the body. */
  head(status: number, fields: string[], { isHead, hasTrailers }: { isHead: boolean; hasTrailers: boolean }): void {
    const stream = this.#open
    this.status = status
    this.isHeadSent = true
    this.#hasNoBody = isHead || status === 204 || status === 205 || status === 304
    if (stream === undefined) return
    const waitForTrailers = hasTrailers && !this.#hasNoBody
    this.#awaitsTrailers = waitForTrailers
    if (waitForTrailers) stream.on('wantTrailers', () => this.#sendTrailers(stream))
    stream.respond(fields, { endStream: this.#hasNoBody, waitForTrailers })
  }

  body(bytes: Buffer, start: number, end: number): void {
    if (this.#hasNoBody || end === start) return
    this.bodyBytes += end - start
    if (this.#open === undefined) return
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
    this.#pendingBytes += end - start
    if (this.#pendingBytes >= flushBytes) this.flush()
  }

  flush(): void {
    const stream = this.#open
    if (this.#pieces.length === 0 || stream === undefined) return
    if (!stream.write(this.#takePieces())) this.isBackedUp = true
  }

  finish(trailers: HeadParser | undefined): void {
    const stream = this.#open
    if (stream === undefined || this.#hasNoBody) return
    // Now: they are sent when the body is out, and their bytes are another answer's by then.
    if (this.#awaitsTrailers && trailers !== undefined) this.#trailers = fieldsObject(trailers, 'trailers', [])
    if (this.#pieces.length > 0) stream.end(this.#takePieces())
    else stream.end()
    this.#heldBytes = stream.writableLength
  }

  /** After the end of the answer: the client has taken something since this was asked last. */
  hasGoneOn(): boolean {
    const held = this.#open?.writableLength ?? 0
    const hasGoneOn = held < this.#heldBytes
    this.#heldBytes = held
    return hasGoneOn
  }

  /** A whole body that does not change any more, behind its head. False when the rest of it waits for `sendRest`. */
  whole(body: Buffer): boolean {
    if (this.#hasNoBody) return true
    this.#rest = body
    return this.sendRest()
  }

  get hasRest(): boolean {
    return this.#rest.length > 0
  }

  /** A large body goes out piece by piece, so that a slow client is seen to take it. */
  sendRest(): boolean {
    while (this.#rest.length > ownPieceBytes) {
      if (this.isBackedUp) return false
      this.isBackedUp = this.#open?.write(this.#takeRest(ownPieceBytes)) === false
    }
    const stream = this.#open
    stream?.end(this.#takeRest(ownPieceBytes))
    this.#heldBytes = stream?.writableLength ?? 0
    return true
  }

  get #open(): ServerHttp2Stream | undefined {
    const stream = this.#stream
    return stream === undefined || stream.destroyed || stream.closed ? undefined : stream
  }

  #takeRest(bytes: number): Buffer {
    const piece = this.#rest.subarray(0, bytes)
    this.#rest = this.#rest.subarray(bytes)
    this.bodyBytes += piece.length
    return piece
  }

  #takePieces(): Buffer {
    const pieces = this.#pieces
    this.#pieces = []
    this.#pendingBytes = 0
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
  }

  #sendTrailers(stream: ServerHttp2Stream): void {
    try {
      stream.sendTrailers(this.#trailers)
    } catch (error) {
      warnOfFault(error)
      stream.destroy(new TenfoldError('unavailable', 'the answer was cut'))
    }
  }
}
