// Answers of one connection on their way out: put together in the shared buffer, sent, and counted.

import type { Socket } from 'node:net'
import type { AnswerHead } from './answer-head.ts'
import {
  type AnswerFraming,
  type AnswerLines,
  type OwnAnswer,
  writeAnswerHead,
  writeInterimHead,
  writeOwnAnswer,
  writePlainHead,
} from './answer-writer.ts'
import { writeBody } from './body-writer.ts'
import type { HeadParser } from './head-parser.ts'
import { copyFields, keptInTrailers } from './kept-fields.ts'
import type { RequestHead } from './request-head.ts'
import { claimOut, flushOut, takeOut } from './shared-out.ts'

/** Above this an own body is written beside its head, not copied behind it. */
const copiedBodyBytesMax = 16 * 1024
/** Of a larger one, as much is written at once. */
const ownPieceBytes = 256 * 1024
/** As much is put together before it is written. */
const flushBytes = 64 * 1024
const continueLine = 'HTTP/1.1 100 Continue\r\n\r\n'

const emptyBytes: Buffer = Buffer.alloc(0)

type Closing = Pick<AnswerLines, 'connection' | 'requestId'>

export class AnswerSender {
  status = 0
  isHeadSent = false
  bodyBytes = 0
  /** The socket holds more than it should; its `drain` event ends that. */
  isBackedUp = false
  isClosed = false
  readonly #socket: Socket
  readonly #request: RequestHead
  #framing: AnswerFraming = 'none'

  constructor(socket: Socket, request: RequestHead) {
    this.#socket = socket
    this.#request = request
  }

  begin(): void {
    this.status = 0
    this.isHeadSent = false
    this.bodyBytes = 0
  }

  sendContinue(): void {
    claimOut(this).text(continueLine)
    this.flush()
  }

  interim(head: AnswerHead): void {
    writeInterimHead(claimOut(this), head)
    this.flush()
  }

  own(answer: OwnAnswer, closing: Closing): void {
    this.#headSent(answer.status)
    const isHead = this.#request.method === 'HEAD'
    this.bodyBytes = writeOwnAnswer(claimOut(this), answer, { ...closing, isHead })
    this.flush()
  }

  /** The answer is what of a large body has still to be sent, by `ownPiece`. */
  whole(status: number, fields: string, body: Buffer, closing: Closing): Buffer {
    this.#headSent(status)
    // Beside a 304 it would say how long the answer is that the client has (RFC 9110, 8.6).
    const contentLength = status === 204 || status === 304 ? -1 : body.length
    const out = claimOut(this)
    writePlainHead(out, { status, fields }, { framing: 'length', contentLength, ...closing })
    const hasBody = this.#request.method !== 'HEAD' && status !== 204 && status !== 304
    if (hasBody && body.length > copiedBodyBytesMax) return this.#writeBeside(body)
    if (hasBody) {
      this.bodyBytes = body.length
      out.put(body, 0, body.length)
    }
    this.flush()
    return emptyBytes
  }

  /** A body that does not change needs no copy. The answer is the rest of it. */
  ownPiece(body: Buffer): Buffer {
    const piece = body.subarray(0, ownPieceBytes)
    this.bodyBytes += piece.length
    this.isBackedUp = !this.#socket.write(piece)
    return body.subarray(piece.length)
  }

  /** HTTP/1.0 knows no chunks: there the end of the connection is the end of a body of unknown length. */
  framingOf({ bodyKind }: AnswerHead['framing']): AnswerFraming {
    if (bodyKind !== 'chunked' && bodyKind !== 'until-close') return bodyKind
    return this.#request.minorVersion === 0 ? 'until-close' : 'chunked'
  }

  head(head: AnswerHead, closing: Closing, fields = ''): void {
    this.#headSent(head.status)
    this.#framing = this.framingOf(head.framing)
    const { contentLength } = head.framing
    writeAnswerHead(claimOut(this), head, { framing: this.#framing, contentLength, ...closing }, fields)
  }

  body(bytes: Buffer, start: number, end: number): void {
    const out = claimOut(this)
    this.bodyBytes += end - start
    writeBody(out, bytes, start, end, this.#framing === 'chunked')
    if (out.size >= flushBytes) this.flush()
  }

  end(trailers: HeadParser | undefined): void {
    if (this.#framing === 'chunked') {
      const out = claimOut(this)
      out.text('0\r\n')
      if (trailers !== undefined && this.#request.takesTrailers) copyFields(out, trailers, keptInTrailers, [])
      out.lineEnd()
    }
    this.flush()
  }

  /** Bytes as they are, in a tunnel. */
  raw(bytes: Buffer, start: number, end: number): void {
    claimOut(this).put(bytes, start, end)
    this.flush()
  }

  flush(): void {
    if (!this.isClosed && !flushOut(this, this.#socket)) this.isBackedUp = true
  }

  #headSent(status: number): void {
    this.status = status
    this.isHeadSent = true
  }

  /** Head and first piece leave in one system call. */
  #writeBeside(body: Buffer): Buffer {
    this.#socket.cork()
    this.#socket.write(takeOut(this))
    const rest = this.ownPiece(body)
    this.#socket.uncork()
    this.isBackedUp = this.#socket.writableNeedDrain
    return rest
  }
}
