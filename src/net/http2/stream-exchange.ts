// The exchange of one stream of HTTP/2: what its handler holds. It comes from a stream and goes back to its connection when
// the stream has closed, to carry another one, so what a handler keeps is kept here as on a connection of HTTP/1.1.

import { randomUUID } from 'node:crypto'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { type ErrorBody, TenfoldError } from '../../base/errors.ts'
import type { AnswerHead } from '../http1/answer-head.ts'
import type { OwnAnswer } from '../http1/answer-writer.ts'
import { BodyClock } from '../http1/body-clock.ts'
import type { ClientOrigin } from '../http1/client-origin.ts'
import type { ConnectionContext } from '../http1/connection-context.ts'
import { counters } from '../http1/counters.ts'
import type { Exchange, ExchangeNotes, ExchangeSink } from '../http1/exchange.ts'
import { endExchange } from '../http1/exchange-end.ts'
import { warnOfFault } from '../http1/fault.ts'
import type { HeadParser } from '../http1/head-parser.ts'
import { type Refusal, refusals } from '../http1/refusals.ts'
import { RequestHead } from '../http1/request-head.ts'
import { Deadline, type DeadlineOwner } from '../http1/timer-wheel.ts'
import { answerFields, ownAnswerFields, wholeAnswerFields } from './answer-fields.ts'
import { StreamSender } from './stream-sender.ts'

/** The connection, as its exchanges need it. */
export interface StreamOwner {
  readonly origin: ClientOrigin
  readonly context: ConnectionContext
  /** The stream has closed. `wasAbandoned`: by the client, before it had its answer. */
  onStreamClosed(exchange: StreamExchange, wasAbandoned: boolean): void
}

const { NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants

export class StreamExchange implements Exchange, DeadlineOwner {
  readonly request: RequestHead
  readonly origin: ClientOrigin
  readonly notes: ExchangeNotes = { server: '', attempts: 0, cache: '' }
  kept: unknown
  readonly #owner: StreamOwner
  readonly #context: ConnectionContext
  readonly #sender = new StreamSender()
  readonly #clock: BodyClock
  readonly #deadline = new Deadline(this)
  #stream: ServerHttp2Stream | undefined
  #sink: ExchangeSink | undefined
  /** The handler has the request, and its answer is not out. */
  #isOpen = false
  #body: 'unread' | 'open' | 'paused' | 'done' = 'done'
  #isPauseDue = false
  #requestId = ''
  #startMs = 0

  constructor(owner: StreamOwner) {
    this.#owner = owner
    this.#context = owner.context
    this.origin = owner.origin
    this.request = new RequestHead(owner.context.limits)
    this.#clock = new BodyClock(owner.context.limits)
  }

  get isBackedUp(): boolean {
    return this.#sender.isBackedUp
  }

  get requestId(): string {
    if (this.#requestId === '') this.#requestId = randomUUID()
    return this.#requestId
  }

  // What the connection asks of it.

  /** `text`: the head as HTTP/1.1 writes it, or why there is none. `hasBody`: the stream goes on after it. */
  begin(stream: ServerHttp2Stream, text: Buffer | Refusal, { hasBody }: { hasBody: boolean }): void {
    const { request } = this
    const { counts, handler } = this.#context
    this.#stream = stream
    this.#sender.begin(stream)
    this.#isPauseDue = false
    this.#body = hasBody ? 'unread' : 'done'
    this.#requestId = ''
    stream.on('close', () => this.#closed(stream))
    stream.on('error', () => {}) // `close` follows
    stream.on('drain', () => this.#drained())
    const refusal = this.#read(text)
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    // Its fields say that there is a body, and the stream has ended.
    if (request.hasBody && !hasBody) {
      stream.close(NGHTTP2_PROTOCOL_ERROR)
      return
    }
    this.#requestId = request.requestIdIndex >= 0 ? request.value(request.requestIdIndex) : ''
    this.#startMs = performance.now()
    this.notes.server = this.notes.cache = ''
    this.notes.attempts = 0
    this.#isOpen = true
    counts.add(counters.requests)
    counts.add(counters.requestsInFlight)
    this.#guarded(() => handler.handle(this))
  }

  onDeadline(): void {
    const stream = this.#stream
    if (stream === undefined) return
    const { counts, wheel } = this.#context
    // The end of an answer is more than a client must take within one deadline.
    if (!this.#isOpen && this.#sender.hasGoneOn()) this.#arm()
    else if (!this.#isOpen || this.isBackedUp) {
      counts.add(counters.timeouts)
      this.#cut()
    } else if (this.#body !== 'open') return
    else if (this.#clock.isTooSlow(wheel.nowMs)) this.#refuse(refusals.bodyTooSlow)
    else this.#arm()
  }

  // The request's body.

  attach(sink: ExchangeSink): void {
    this.#sink = sink
  }

  startBody(): void {
    const stream = this.#stream
    if (stream === undefined || this.#body !== 'unread') return
    if (this.request.expectsContinue && stream.readableLength === 0) this.#sender.sendContinue()
    this.#clock.start(this.#context.wheel.nowMs)
    stream.on('data', (bytes: Buffer) => this.#takeBody(bytes))
    stream.on('end', () => this.#bodyEnded())
    this.#body = 'paused'
    this.resumeBody()
  }

  pauseBody(): void {
    if (this.#body !== 'open') return
    this.#body = 'paused'
    this.#stream?.pause()
    this.#arm()
  }

  resumeBody(): void {
    if (this.#body === 'unread') this.startBody()
    if (this.#body !== 'paused') return
    this.#body = 'open'
    this.#clock.resume(this.#context.wheel.nowMs)
    this.#stream?.resume()
    this.#arm()
  }

  #takeBody(bytes: Buffer): void {
    this.#context.counts.add(counters.bytesIn, bytes.length)
    this.#clock.took(bytes.length, this.#context.wheel.nowMs)
    if (!this.#isOpen) return
    this.#guarded(() => this.#sink?.onBody(bytes, 0, bytes.length))
    // Said once for all frames that came together; and not at all when the end came with them.
    if (this.#isPauseDue) return
    this.#isPauseDue = true
    const stream = this.#stream
    setImmediate(() => {
      if (stream !== this.#stream) return
      this.#isPauseDue = false
      if (this.#isOpen && this.#body !== 'done') this.#guarded(() => this.#sink?.onBodyPause())
    })
  }

  #bodyEnded(): void {
    if (this.#body === 'done') return
    this.#body = 'done'
    this.#arm()
    if (this.#isOpen) this.#guarded(() => this.#sink?.onBodyEnd())
  }

  // The answer.

  answer(own: OwnAnswer): void {
    const { code, message } = own
    const body = Buffer.from(JSON.stringify({ error: { code, message } } satisfies ErrorBody))
    this.#sendWhole(own.status, ownAnswerFields(own, this.requestId, body.length), body)
  }

  answerWhole(status: number, fields: string, body: Buffer): void {
    this.#sendWhole(status, wholeAnswerFields(status, fields, this.requestId, body.length), body)
  }

  interim(head: AnswerHead): void {
    this.#context.counts.add(counters.answers1xx)
    this.#sender.interim(head)
  }

  answerHead(head: AnswerHead, lines = ''): void {
    const { method, takesTrailers } = this.request
    const hasTrailers = head.framing.bodyKind === 'chunked' && takesTrailers
    this.#sender.head(head.status, answerFields(head, this.requestId, lines), {
      isHead: method === 'HEAD',
      hasTrailers,
    })
  }

  answerBody(bytes: Buffer, start: number, end: number): void {
    this.#sender.body(bytes, start, end)
  }

  answerEnd(trailers?: HeadParser): void {
    this.#sender.finish(trailers)
    this.#answered()
  }

  flush(): void {
    this.#sender.flush()
    if (this.isBackedUp) this.#arm()
  }

  abort(): void {
    this.#sink = undefined
    this.#context.counts.add(counters.answersCut)
    this.#finish()
    this.#cut()
  }

  // There is no leaving HTTP on a stream: a request that asks for it was never let in.

  upgrade(): void {
    this.abort()
  }

  sendTunnelBytes(): boolean {
    return false
  }

  pauseTunnel(): void {}

  resumeTunnel(): void {}

  closeTunnel(): void {}

  // How it is done.

  #read(text: Buffer | Refusal): Refusal | undefined {
    const { request } = this
    request.reset()
    if (!Buffer.isBuffer(text)) return text
    const end = request.read(text, 0, text.length)
    // A head that ends before its bytes do, or does not end, is not the one that was written.
    return request.refusal ?? (request.isDone && end === text.length ? request.understand() : refusals.pseudoField)
  }

  #refuse(refusal: Refusal): void {
    this.#context.counts.add(refusal.status === 408 ? counters.timeouts : counters.refusals)
    this.#dismissSink()
    if (this.#sender.isHeadSent) this.abort()
    else this.answer(refusal)
  }

  #sendWhole(status: number, fields: string[], body: Buffer): void {
    this.#sender.head(status, fields, { isHead: this.request.method === 'HEAD', hasTrailers: false })
    if (this.#sender.whole(body)) this.#answered()
    else {
      this.request.own() // `finished` reads it when the rest is out
      this.#arm()
    }
  }

  /** By an error: `close` would end the stream before it resets it, and a cut answer would look whole. */
  #cut(): void {
    this.#stream?.destroy(new TenfoldError('unavailable', 'the answer was cut'))
  }

  #drained(): void {
    this.#sender.isBackedUp = false
    if (!this.#sender.hasRest) {
      this.#arm()
      if (this.#isOpen) this.#guarded(() => this.#sink?.onDrain())
    } else if (this.#sender.sendRest()) this.#answered()
    else this.#arm()
  }

  /** The answer is out, but for what the client's windows hold back. */
  #answered(): void {
    this.#sink = undefined
    this.#finish()
    this.#arm()
    const stream = this.#stream
    // A client need not send the rest of a body that nobody wants (RFC 9113, 8.1).
    if (this.#body === 'done' || stream === undefined) return
    this.#body = 'done'
    const stop = () => stream.close(NGHTTP2_NO_ERROR)
    if (stream.writableFinished) stop()
    else stream.once('finish', stop)
  }

  /** Sets the deadline that belongs to what the stream does now. */
  #arm(): void {
    const { wheel, limits } = this.#context
    if (this.#stream === undefined) return
    if (!this.#isOpen || this.isBackedUp) wheel.set(this.#deadline, limits.sendIdleTimeoutMs)
    else if (this.#body === 'open') wheel.set(this.#deadline, this.#clock.checkAfterMs)
    else wheel.clear(this.#deadline)
  }

  #closed(stream: ServerHttp2Stream): void {
    if (stream !== this.#stream) return
    const { counts, wheel } = this.#context
    this.#stream = undefined
    this.#sender.end()
    this.#body = 'done'
    wheel.remove(this.#deadline)
    const wasAbandoned = this.#isOpen
    if (wasAbandoned) {
      counts.add(counters.clientsGone)
      this.#sender.status = 499
      this.#finish()
      this.#dismissSink()
    }
    this.#owner.onStreamClosed(this, wasAbandoned)
  }

  /** Counts an exchange that is over, once. */
  #finish(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { status, bodyBytes } = this.#sender
    endExchange(this, this.#context, { status, bodyBytes, startMs: this.#startMs })
  }

  #guarded(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    warnOfFault(error)
    if (!this.#isOpen) return
    this.#dismissSink()
    if (this.#sender.isHeadSent) this.abort()
    else this.answer({ status: 500, code: 'unavailable', message: 'the request could not be handled' })
  }

  #dismissSink(): void {
    const sink = this.#sink
    this.#sink = undefined
    sink?.onClientGone()
  }
}
