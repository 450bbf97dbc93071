// One request on its way through: from the client's connection to a server's, and the answer back. One object per client
// connection, used again for each of its requests.
//
// A body that is known to be small is read whole before anything is sent, so that a slow client holds no server, and kept,
// so that the request can be sent again. Of any other body, what came in one read with the head is kept: where that is all
// of it, it is a small one too; else it is sent with the head, and the rest streams behind it. Up to the first byte of that
// rest the request can be sent again. An answer is committed when its head goes to the client; until then a failure can be
// tried elsewhere.

import type { AnswerHead } from './answer-head.ts'
import type { OwnAnswer } from './answer-writer.ts'
import { writeBody } from './body-writer.ts'
import { ByteWriter } from './byte-writer.ts'
import { counters } from './counters.ts'
import type { ByteStream, Exchange, ExchangeSink } from './exchange.ts'
import { answerFor, type Failure } from './failure.ts'
import type { ForwardContext } from './forward-context.ts'
import type { ForwardedRequest, Upstream } from './forward-policy.ts'
import type { HeadParser } from './head-parser.ts'
import { refusals } from './refusals.ts'
import { writeRequestHead } from './request-writer.ts'
import { Deadline, type DeadlineOwner } from './timer-wheel.ts'
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts'

/** RFC 9110, 9.2.2: doing these twice is the same as doing them once. */
const repeatableMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

const keptBytesAtFirst = 2048

export class Forward implements ForwardedRequest, UpstreamUser, ExchangeSink, ByteStream, DeadlineOwner {
  readonly exchange: Exchange
  readonly tried: Upstream[] = []
  isRepeatable = false
  pickedMs = 0
  readonly #context: ForwardContext
  readonly #continueDeadline = new Deadline(this)
  #upstream: Upstream | undefined
  #connection: UpstreamConnection | undefined
  /** whole: none, or all of it is in `kept`. reading: it will be. opening: it may be. streamed: `kept` has its beginning. */
  #body: 'whole' | 'reading' | 'opening' | 'streamed' = 'whole'
  #kept: ByteWriter | undefined
  #streamedBytes = 0
  #awaitsContinue = false
  #isCommitted = false
  #held: { head: AnswerHead; body: Buffer; bytes: number } | undefined
  #isTunnel = false
  /** In the policy's hands, until there is a server. */
  #isWaiting = false
  /** What the policy adds to the answer. */
  #addedFields = ''

  constructor(exchange: Exchange, context: ForwardContext) {
    this.exchange = exchange
    this.#context = context
  }

  /** Whether the request can be sent once more: all of its body is still here. */
  get isBodyKept(): boolean {
    return this.#streamedBytes === 0
  }

  start(): void {
    const { exchange } = this
    const { request } = exchange
    const { limits } = this.#context
    this.tried.length = 0
    this.isRepeatable = request.hasIdempotencyKey || repeatableMethods.has(request.method)
    this.#isCommitted = this.#awaitsContinue = this.#isTunnel = false
    this.#held = undefined
    this.#streamedBytes = 0
    this.#forgetBody()
    const { bodyKind, contentLength } = request.framing
    if (contentLength > limits.bodyBytesMax) {
      exchange.answer(refusals.bodyTooLarge)
      return
    }
    exchange.attach(this)
    if (bodyKind === 'none') {
      this.#body = 'whole'
      this.#attempt()
      return
    }
    request.own()
    if (request.expectsContinue) {
      this.#body = 'streamed'
      this.#attempt()
      return
    }
    this.#kept ??= new ByteWriter(keptBytesAtFirst)
    this.#body = bodyKind === 'length' && contentLength <= limits.keptBodyBytesMax ? 'reading' : 'opening'
    exchange.startBody()
  }

  // Attempts.

  #attempt(): void {
    const picked = this.#context.policy.pick(this)
    if (picked === 'wait') {
      this.#isWaiting = true
      this.exchange.request.own()
      return
    }
    if (!('pool' in picked)) {
      this.#answerOwn(picked)
      return
    }
    this.tried.push(picked)
    this.pickedMs = performance.now()
    this.#connect(picked, false)
  }

  proceed(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#attempt()
  }

  giveUp(own: OwnAnswer): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#answerOwn(own)
  }

  #connect(upstream: Upstream, isFresh: boolean): void {
    this.#upstream = upstream
    const acquired = upstream.pool.acquire(this, { isFresh })
    if (acquired === 'full') {
      this.onFailure({ kind: 'full', wasSent: false, reason: 'too many requests wait for a connection' })
      return
    }
    if (acquired !== 'waiting' && !acquired.isConnecting) {
      this.#send(acquired)
      return
    }
    this.#connection = acquired === 'waiting' ? undefined : acquired
    this.exchange.request.own()
  }

  onReady(connection: UpstreamConnection): void {
    this.#send(connection)
  }

  #send(connection: UpstreamConnection): void {
    const { exchange } = this
    const { request } = exchange
    this.#connection = connection
    const { out } = connection
    const kept = this.#kept
    const isWhole = this.#body === 'whole'
    const { bodyKind } = request.framing
    out.size = 0
    // Small chunks that came at once leave as what they are: a body of known length.
    const isUnchunked = isWhole && bodyKind === 'chunked'
    const framing = isUnchunked ? { bodyKind: 'length' as const, contentLength: kept?.size ?? 0 } : request.framing
    writeRequestHead(out, request, exchange, framing)
    if (kept !== undefined && kept.size > 0) writeBody(out, kept.bytes, 0, kept.size, framing.bodyKind === 'chunked')
    // Needed again where it is sent again, and by whoever writes a log.
    request.own()
    connection.send({ isHead: request.method === 'HEAD', wantsUpgrade: request.isUpgrade, isWhole })
    if (isWhole) return
    this.#awaitsContinue = request.expectsContinue
    if (request.expectsContinue) this.#context.wheel.set(this.#continueDeadline, this.#context.limits.continueTimeoutMs)
    else exchange.resumeBody()
  }

  onFailure(failure: Failure): void {
    const { exchange } = this
    const { policy, limits, counts } = this.#context
    const upstream = this.#upstream as Upstream
    const connection = this.#connection
    const mayRepeat = this.isBodyKept && (!failure.wasSent || this.isRepeatable)
    // The server had closed a kept connection and we did not know yet: nothing is wrong with it, and a new one will do.
    const isStale = failure.kind === 'reset' && connection?.isReused === true && !connection.hasAnswerBegun
    if (isStale && mayRepeat) {
      counts.add(counters.upstreamStale)
      this.#connect(upstream, true)
      return
    }
    this.#release()
    if (this.#isCommitted) {
      policy.failed(this, upstream, failure, false)
      exchange.abort()
      return
    }
    this.#held = undefined
    const canRepeat = mayRepeat && failure.kind !== 'timeout' && this.tried.length < limits.attemptsMax
    if (policy.failed(this, upstream, failure, canRepeat) && canRepeat) {
      counts.add(counters.retries)
      this.#attempt()
      return
    }
    this.#answerOwn(
      answerFor(failure, { isRepeatable: this.isRepeatable, retryAfterSeconds: policy.retryAfterSeconds }),
    )
  }

  #answerOwn(own: OwnAnswer): void {
    this.#release()
    this.exchange.answer(own)
  }

  /** Lets go of the server, when its part is over. */
  #release(): void {
    const upstream = this.#upstream
    if (this.#awaitsContinue) this.#context.wheel.remove(this.#continueDeadline)
    this.#awaitsContinue = false
    this.#connection = undefined
    this.#upstream = undefined
    if (upstream !== undefined) this.#context.policy.released(this, upstream)
  }

  // The request's body.

  onBody(bytes: Buffer, start: number, end: number): void {
    if (this.#body === 'reading' || this.#body === 'opening') {
      this.#kept?.put(bytes, start, end)
      return
    }
    this.#streamedBytes += end - start
    const { request } = this.exchange
    if (this.#streamedBytes + (this.#kept?.size ?? 0) > this.#context.limits.bodyBytesMax) {
      this.#stopServer()
      if (this.#isCommitted) this.exchange.abort()
      else this.exchange.answer(refusals.bodyTooLarge)
      return
    }
    this.#connection?.putBody(bytes, start, end, request.framing.bodyKind === 'chunked')
  }

  onBodyPause(): void {
    if (this.#body === 'opening') {
      this.#body = 'streamed'
      this.exchange.pauseBody()
      this.#attempt()
      return
    }
    this.#connection?.flush()
    if (this.#connection?.isBackedUp) this.exchange.pauseBody()
  }

  onBodyEnd(): void {
    if (this.#body === 'reading' || this.#body === 'opening') {
      this.#body = 'whole'
      this.#attempt()
    } else this.#connection?.endBody(this.exchange.request.framing.bodyKind === 'chunked')
  }

  /** A large one is not held on to while the connection is idle. */
  #forgetBody(): void {
    if (this.#kept === undefined) return
    this.#kept.size = 0
    if (this.#kept.bytes.length > 2 * keptBytesAtFirst) this.#kept = undefined
  }

  onServerDrain(): void {
    if (this.#isTunnel) this.exchange.resumeTunnel()
    else if (this.#body === 'streamed' && !this.#awaitsContinue) this.exchange.resumeBody()
  }

  /** The server was silent about `100 Continue` for long enough. */
  onDeadline(): void {
    this.#continueBody()
  }

  #continueBody(): void {
    if (!this.#awaitsContinue) return
    this.#awaitsContinue = false
    this.#context.wheel.remove(this.#continueDeadline)
    this.exchange.startBody()
  }

  // The answer.

  onInterim(head: AnswerHead): void {
    if (head.status === 100) this.#continueBody()
    else this.exchange.interim(head)
  }

  onAnswerHead(head: AnswerHead, bytesAtHand: number): void {
    this.#addedFields = this.#context.policy.answering(this, this.#upstream as Upstream)
    const { bodyKind, contentLength } = head.framing
    const mayHold = bodyKind === 'length' && contentLength <= this.#context.limits.heldAnswerBytesMax
    if (mayHold && contentLength > bytesAtHand && this.isRepeatable && this.isBodyKept) {
      head.own()
      this.#held = { head, body: Buffer.allocUnsafe(contentLength), bytes: 0 }
      return
    }
    this.#commit(head)
  }

  #commit(head: AnswerHead): void {
    this.#isCommitted = true
    this.exchange.answerHead(head, this.#addedFields)
  }

  onAnswerBody(bytes: Buffer, start: number, end: number): void {
    const held = this.#held
    if (held !== undefined) {
      held.bytes += bytes.copy(held.body, held.bytes, start, end)
      return
    }
    this.exchange.answerBody(bytes, start, end)
  }

  onReadEnd(): void {
    if (!this.#isCommitted) return
    this.exchange.flush()
    if (this.exchange.isBackedUp) this.#connection?.pause()
  }

  onAnswerEnd(trailers: HeadParser | undefined): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) {
      this.#commit(held.head)
      this.exchange.answerBody(held.body, 0, held.body.length)
    }
    this.#release()
    this.#forgetBody()
    this.exchange.answerEnd(trailers)
  }

  onDrain(): void {
    this.#connection?.resume()
  }

  onClientGone(): void {
    this.#stopServer()
  }

  /** The server's work is for nobody. */
  #stopServer(): void {
    this.#held = undefined
    if (this.#isWaiting) {
      this.#isWaiting = false
      this.#context.policy.left(this)
      return
    }
    const connection = this.#connection
    if (this.#upstream !== undefined && connection === undefined) this.#upstream.pool.leave(this)
    this.#release()
    connection?.close()
  }

  // A tunnel, after the server agreed to leave HTTP.

  onUpgraded(head: AnswerHead): void {
    this.#context.policy.answering(this, this.#upstream as Upstream)
    this.#isCommitted = this.#isTunnel = true
    this.exchange.upgrade(head, this)
  }

  onServerBytes(bytes: Buffer, start: number, end: number): void {
    if (!this.exchange.sendTunnelBytes(bytes, start, end)) this.#connection?.pause()
  }

  onServerClosed(): void {
    this.#release()
    this.exchange.closeTunnel()
  }

  onClientBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#connection?.sendTunnelBytes(bytes, start, end) === false) this.exchange.pauseTunnel()
  }

  onClientDrain(): void {
    this.#connection?.resume()
  }

  onClientClosed(): void {
    this.#stopServer()
  }
}
