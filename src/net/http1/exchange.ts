// One request and its answer, as those who answer see it. The connection of HTTP/1.1 is one; a stream of HTTP/2 can be.
//
// A handler is called with the head. It either answers at once, or attaches a sink and answers later. Bytes that are passed
// are valid during the call only, and so is `request.bytes`, unless `request.own()` was called. After `onClientGone`, and
// after its own last call of an answer, a handler must not touch the exchange again: it may carry the next request.

import type { AnswerHead } from './answer-head.ts'
import type { OwnAnswer } from './answer-writer.ts'
import type { ClientOrigin } from './client-origin.ts'
import type { HeadParser } from './head-parser.ts'
import type { RequestHead } from './request-head.ts'

export interface ExchangeSink {
  /** A piece of the request's body. */
  onBody(bytes: Buffer, start: number, end: number): void
  onBodyEnd(): void
  /** All that has come so far is passed on, and the body is not over. */
  onBodyPause(): void
  /** The client has taken what was sent. */
  onDrain(): void
  /** The client went away, or its body is none; nothing can be answered any more. */
  onClientGone(): void
}

/** The far end of a tunnel, as the client's connection sees it. */
export interface ByteStream {
  onClientBytes(bytes: Buffer, start: number, end: number): void
  onClientDrain(): void
  onClientClosed(): void
}

/** What those who answered know of it, for logs. Empty where there is nothing to say. */
export interface ExchangeNotes {
  /** The server that was asked last. */
  server: string
  /** Servers that were asked. */
  attempts: number
  /** How a cache dealt with it, in the words of RFC 9211. */
  cache: string
}

export interface Exchange {
  readonly request: RequestHead
  readonly origin: ClientOrigin
  /** The client's, where it is sound, else a new one. */
  readonly requestId: string
  /** The client takes bytes more slowly than they are sent: wait for `onDrain`. */
  readonly isBackedUp: boolean

  /** Of this request; anew for each. */
  readonly notes: ExchangeNotes
  /** What a handler keeps from one request of a connection to the next. */
  kept: unknown

  /** From here on the sink hears of the client. */
  attach(sink: ExchangeSink): void
  /** Lets the body come; a client that waits for `100 Continue` gets it. Without this call a body stays unread. */
  startBody(): void
  pauseBody(): void
  resumeBody(): void

  /** An answer of this hop's own, whole. */
  answer(own: OwnAnswer): void
  /** A whole answer with a body that does not change any more. `fields`: finished lines, `name: value\r\n` each. */
  answerWhole(status: number, fields: string, body: Buffer): void
  /** A server's answer, piece by piece. A piece goes out with `flush`, or when there is enough of it. */
  interim(head: AnswerHead): void
  /** `fields`: further ones of this hop, finished lines. */
  answerHead(head: AnswerHead, fields?: string): void
  answerBody(bytes: Buffer, start: number, end: number): void
  answerEnd(trailers?: HeadParser): void
  flush(): void
  /** The rest of an answer is lost, and the client must see that. */
  abort(): void

  /** Passes on a server's 101; from then on bytes go to `stream` and come by `sendTunnelBytes`. */
  upgrade(head: AnswerHead, stream: ByteStream): void
  sendTunnelBytes(bytes: Buffer, start: number, end: number): boolean
  pauseTunnel(): void
  resumeTunnel(): void
  closeTunnel(): void
}

/** What a finished exchange was, for logs and counters. */
export interface FinishedExchange {
  exchange: Exchange
  status: number
  durationMs: number
  bodyBytesOut: number
}

export interface Handler {
  handle(exchange: Exchange): void
  /** Once for each request, when its answer is out or its client gone (status 499). */
  finished?(exchange: FinishedExchange): void
}
