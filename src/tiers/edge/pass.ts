// A request that goes on to the servers as it is, and what the edge learns from its answer. One object for all requests of a
// client's connection: everything is the client's own exchange but the place where the next handler keeps what it likes.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { OwnAnswer } from '../../net/http1/answer-writer.ts'
import type { ClientOrigin } from '../../net/http1/client-origin.ts'
import type { ByteStream, Exchange, ExchangeNotes, ExchangeSink, Handler } from '../../net/http1/exchange.ts'
import type { HeadParser } from '../../net/http1/head-parser.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'

export interface PassWatcher {
  /** The server answered; the answer goes to the client as it is. */
  answered(exchange: Exchange, head: AnswerHead): void
  /** No server answered. True when the client got something else. */
  refused(exchange: Exchange): boolean
}

export class PassExchange implements Exchange {
  kept: unknown
  readonly #client: Exchange
  readonly #received: (bytes: number) => void
  readonly #originOf: () => ClientOrigin
  #watcher: PassWatcher | undefined
  #lines = ''

  /** `originOf`: whom servers are told that the request comes from. */
  constructor(
    client: Exchange,
    { received, originOf }: { received: (bytes: number) => void; originOf: () => ClientOrigin },
  ) {
    this.#client = client
    this.#received = received
    this.#originOf = originOf
  }

  /** `lines`: said with the answer. */
  send(origin: Handler, { watcher, lines }: { watcher?: PassWatcher | undefined; lines: string }): void {
    this.#watcher = watcher
    this.#lines = lines
    origin.handle(this)
  }

  answerHead(head: AnswerHead, fields = ''): void {
    const watcher = this.#watcher
    this.#watcher = undefined
    watcher?.answered(this.#client, head)
    this.#client.answerHead(head, fields + this.#lines)
  }

  answerBody(bytes: Buffer, start: number, end: number): void {
    this.#received(end - start)
    this.#client.answerBody(bytes, start, end)
  }

  answer(own: OwnAnswer): void {
    const watcher = this.#watcher
    this.#watcher = undefined
    if (watcher?.refused(this.#client) !== true) this.#client.answer(own)
  }

  // The rest is the client's.

  get request(): RequestHead {
    return this.#client.request
  }

  get origin(): ClientOrigin {
    return this.#originOf()
  }

  get requestId(): string {
    return this.#client.requestId
  }

  get isBackedUp(): boolean {
    return this.#client.isBackedUp
  }

  get notes(): ExchangeNotes {
    return this.#client.notes
  }

  attach(sink: ExchangeSink): void {
    this.#client.attach(sink)
  }

  startBody(): void {
    this.#client.startBody()
  }

  pauseBody(): void {
    this.#client.pauseBody()
  }

  resumeBody(): void {
    this.#client.resumeBody()
  }

  answerWhole(status: number, fields: string, body: Buffer): void {
    this.#client.answerWhole(status, fields, body)
  }

  interim(head: AnswerHead): void {
    this.#client.interim(head)
  }

  answerEnd(trailers?: HeadParser): void {
    this.#client.answerEnd(trailers)
  }

  flush(): void {
    this.#client.flush()
  }

  abort(): void {
    this.#client.abort()
  }

  upgrade(head: AnswerHead, stream: ByteStream): void {
    this.#client.upgrade(head, stream)
  }

  sendTunnelBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.#client.sendTunnelBytes(bytes, start, end)
  }

  pauseTunnel(): void {
    this.#client.pauseTunnel()
  }

  resumeTunnel(): void {
    this.#client.resumeTunnel()
  }

  closeTunnel(): void {
    this.#client.closeTunnel()
  }
}
