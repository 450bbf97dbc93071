// The answer of one stream on its way out, and counted. What the client's windows hold back stays with the stream.

import type { ServerHttp2Stream } from 'node:http2'
import type { AnswerHead } from '../http1/answer-head.ts'
import type { HeadParser } from '../http1/head-parser.ts'
import { fieldsObject } from './answer-fields.ts'

/** Of a large body of our own, as much is written at once. */
const ownPieceBytes = 256 * 1024
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
  #trailers: HeadParser | undefined
  /** Of a large body of our own. */
  #rest = emptyBytes

  begin(stream: ServerHttp2Stream): void {
    this.#stream = stream
    this.status = this.bodyBytes = 0
    this.isHeadSent = this.isBackedUp = this.#hasNoBody = false
    this.#trailers = undefined
  }

  /** The stream has closed: what was not sent never will be. */
  end(): void {
    this.#stream = undefined
    this.#pieces = []
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
    if (waitForTrailers) stream.on('wantTrailers', () => this.#sendTrailers(stream))
    stream.respond(fields, { endStream: this.#hasNoBody, waitForTrailers })
  }

  body(bytes: Buffer, start: number, end: number): void {
    if (this.#hasNoBody || end === start) return
    this.bodyBytes += end - start
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
  }

  flush(): void {
    const stream = this.#open
    if (this.#pieces.length === 0 || stream === undefined) return
    if (!stream.write(this.#takePieces())) this.isBackedUp = true
  }

  finish(trailers: HeadParser | undefined): void {
    const stream = this.#open
    this.#trailers = trailers
    if (stream === undefined || this.#hasNoBody) return
    if (this.#pieces.length > 0) stream.end(this.#takePieces())
    else stream.end()
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
    this.#open?.end(this.#takeRest(ownPieceBytes))
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
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
  }

  #sendTrailers(stream: ServerHttp2Stream): void {
    stream.sendTrailers(this.#trailers === undefined ? {} : fieldsObject(this.#trailers, 'trailers', []))
  }
}
