// The exchange of an HTTP/1.1 connection: what its handler holds. One object for all requests of the connection; the
// connection says when one begins and hears when it is answered.

import { randomUUID } from 'node:crypto'
import type { AnswerHead } from './answer-head.ts'
import type { AnswerSender } from './answer-sender.ts'
import type { AnswerLines, OwnAnswer } from './answer-writer.ts'
import type { ClientOrigin } from './client-origin.ts'
import type { ConnectionContext } from './connection-context.ts'
import { counters } from './counters.ts'
import type { ByteStream, Exchange, ExchangeNotes, ExchangeSink } from './exchange.ts'
import { endExchange } from './exchange-end.ts'
import { warnOfFault } from './fault.ts'
import type { HeadParser } from './head-parser.ts'
import type { Refusal } from './refusals.ts'
import type { RequestHead } from './request-head.ts'

/** The connection, as its exchange needs it. */
export interface ExchangeInput {
  /** A body of this request has still to come. */
  readonly hasBodyAhead: boolean
  /** As much of it is known, or 0. */
  readonly bodyBytesAhead: number
  startBody(): void
  pauseBody(): void
  resumeBody(): void
  /** The answer is out. */
  answered(): void
  beginTunnel(stream: ByteStream): void
  pauseTunnel(): void
  resumeTunnel(): void
  closeTunnel(): void
  /** The deadline may have to change. */
  arm(): void
  reset(): void
}

const emptyBytes: Buffer = Buffer.alloc(0)

export class ServerExchange implements Exchange {
  readonly request: RequestHead
  readonly origin: ClientOrigin
  readonly notes: ExchangeNotes = { server: '', attempts: 0, cache: '' }
  kept: unknown
  /** The handler has the request, and its answer is not out. */
  isOpen = false
  /** Another request may follow. */
  isPersistent = false
  owesContinue = false
  sink: ExchangeSink | undefined
  readonly #context: ConnectionContext
  readonly #sender: AnswerSender
  readonly #input: ExchangeInput
  #requestId = ''
  #startMs = 0
  /** Of a large body of our own. */
  #rest = emptyBytes

  constructor(
    request: RequestHead,
    {
      origin,
      context,
      sender,
      input,
    }: { origin: ClientOrigin; context: ConnectionContext; sender: AnswerSender; input: ExchangeInput },
  ) {
    this.request = request
    this.origin = origin
    this.#context = context
    this.#sender = sender
    this.#input = input
  }

  get isBackedUp(): boolean {
    return this.#sender.isBackedUp
  }

  get requestId(): string {
    if (this.#requestId === '') this.#requestId = randomUUID()
    return this.#requestId
  }

  // What the connection asks of it.

  begin({ isPersistent }: { isPersistent: boolean }): void {
    const { request } = this
    const { counts, handler } = this.#context
    this.#startMs = performance.now()
    this.notes.server = this.notes.cache = ''
    this.notes.attempts = 0
    this.#requestId = request.requestIdIndex >= 0 ? request.value(request.requestIdIndex) : ''
    this.isPersistent = isPersistent
    this.owesContinue = request.expectsContinue
    this.isOpen = true
    counts.add(counters.requests)
    counts.add(counters.requestsInFlight)
    try {
      handler.handle(this)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** The client has taken what was sent. */
  drained(): void {
    if (this.#rest.length > 0) this.#sendRest()
    else this.sink?.onDrain()
  }

  /** The client cannot be answered any more. */
  clientGone(): void {
    if (!this.isOpen) return
    this.#context.counts.add(counters.clientsGone)
    this.#sender.status = 499
    this.#finish()
    this.#dismissSink()
  }

  /** The request cannot be taken, or its body is none. False when an answer had begun, and was cut. */
  refuse(refusal: Refusal): boolean {
    this.#context.counts.add(refusal.status === 408 ? counters.timeouts : counters.refusals)
    this.#dismissSink()
    if (this.isOpen && this.#sender.isHeadSent) {
      this.abort()
      return false
    }
    this.isPersistent = false
    this.#sender.own(refusal, { connection: 'close', requestId: this.isOpen ? this.requestId : '' })
    this.#finish()
    return true
  }

  // What the handler asks of it.

  attach(sink: ExchangeSink): void {
    this.sink = sink
  }

  startBody(): void {
    this.#input.startBody()
  }

  pauseBody(): void {
    this.#input.pauseBody()
  }

  resumeBody(): void {
    this.#input.resumeBody()
  }

  answer(own: OwnAnswer): void {
    this.#beforeHead()
    if (own.status === 400 || this.#input.bodyBytesAhead > this.#context.limits.lingerBytesMax)
      this.isPersistent = false
    this.#sender.own(own, this.#closing())
    this.#answered()
  }

  answerWhole(status: number, fields: string, body: Buffer): void {
    this.#beforeHead()
    this.#rest = this.#sender.whole(status, fields, body, this.#closing())
    this.#sendRest()
  }

  interim(head: AnswerHead): void {
    if (this.request.minorVersion === 0 || this.#sender.isHeadSent) return
    this.#context.counts.add(counters.answers1xx)
    this.#sender.interim(head)
  }

  answerHead(head: AnswerHead, fields = ''): void {
    this.#beforeHead()
    if (this.#sender.framingOf(head.framing) === 'until-close') this.isPersistent = false
    this.#sender.head(head, this.#closing(), fields)
  }

  answerBody(bytes: Buffer, start: number, end: number): void {
    this.#sender.body(bytes, start, end)
  }

  answerEnd(trailers?: HeadParser): void {
    this.#sender.end(trailers)
    this.#answered()
  }

  /** A large body goes out piece by piece, so that a slow client is seen to take it. */
  #sendRest(): void {
    while (this.#rest.length > 0) {
      if (this.isBackedUp) {
        this.request.own() // `finished` reads it when the rest is out
        this.#input.arm()
        return
      }
      this.#rest = this.#sender.ownPiece(this.#rest)
    }
    this.#answered()
  }

  flush(): void {
    this.#sender.flush()
    if (this.isBackedUp) this.#input.arm()
  }

  abort(): void {
    this.sink = undefined
    this.#context.counts.add(counters.answersCut)
    this.#finish()
    this.#input.reset()
  }

  upgrade(head: AnswerHead, stream: ByteStream): void {
    this.#sender.head(head, { connection: 'upgrade', requestId: this.requestId })
    this.flush()
    this.#context.counts.add(counters.tunnels)
    this.sink = undefined
    this.#finish()
    this.#input.beginTunnel(stream)
  }

  sendTunnelBytes(bytes: Buffer, start: number, end: number): boolean {
    this.#sender.raw(bytes, start, end)
    this.#input.arm()
    return !this.isBackedUp
  }

  pauseTunnel(): void {
    this.#input.pauseTunnel()
  }

  resumeTunnel(): void {
    this.#input.resumeTunnel()
  }

  closeTunnel(): void {
    this.#input.closeTunnel()
  }

  #beforeHead(): void {
    if (this.#context.isDraining) this.isPersistent = false
    // Nobody knows whether a client that was never told to continue will send its body; and one that asked to leave HTTP
    // may already speak the other protocol, which must not be read as a request.
    if (this.request.isUpgrade || (this.owesContinue && this.#input.hasBodyAhead)) this.isPersistent = false
  }

  #closing(): Pick<AnswerLines, 'connection' | 'requestId'> {
    return { connection: this.isPersistent ? 'keep-alive' : 'close', requestId: this.requestId }
  }

  #answered(): void {
    this.sink = undefined
    this.#finish()
    this.#input.answered()
  }

  /** Counts an exchange that is over, once. */
  #finish(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#rest = emptyBytes
    const { status, bodyBytes } = this.#sender
    endExchange(this, this.#context, { status, bodyBytes, startMs: this.#startMs })
  }

  #failed(error: unknown): void {
    warnOfFault(error)
    if (!this.isOpen) return
    this.#dismissSink()
    if (this.#sender.isHeadSent) this.abort()
    else this.answer({ status: 500, code: 'unavailable', message: 'the request could not be handled' })
  }

  #dismissSink(): void {
    const { sink } = this
    this.sink = undefined
    sink?.onClientGone()
  }
}
