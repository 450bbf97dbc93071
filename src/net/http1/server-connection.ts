// One connection of a client: heads in, bodies to the handler's sink, answers out, in order.
//
// Input moves through: head -> body -> done (the request is whole) -> head; or, from anywhere, to drop (the connection is
// ending: what still comes is read and thrown away, so that the kernel does not reset it under our last answer) or to tunnel.
// A next request begins when the last one is whole and answered; what a client sends ahead waits, and the socket is paused,
// so a pipeline costs one read buffer at most.

import { randomUUID } from 'node:crypto'
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
import { ChunkedReader } from './chunked.ts'
import type { ClientOrigin } from './client-origin.ts'
import { type Counters, counters } from './counters.ts'
import type { ByteStream, Exchange, ExchangeSink, Handler } from './exchange.ts'
import type { SocketReader } from './fast-socket.ts'
import type { HeadParser } from './head-parser.ts'
import { copyFields, keptInTrailers } from './kept-fields.ts'
import type { ServerLimits } from './limits.ts'
import { type Refusal, refusals } from './refusals.ts'
import { RequestHead } from './request-head.ts'
import { claimOut, flushOut, takeOut } from './shared-out.ts'
import { Deadline, type DeadlineOwner, type TimerWheel } from './timer-wheel.ts'

/** What the connections of one server share. */
export interface ConnectionContext {
  readonly handler: Handler
  readonly limits: ServerLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  /** Answers end their connections. */
  readonly isDraining: boolean
  forget(connection: ServerConnection): void
}

/** Above this an own body is written beside its head, not copied behind it. */
const copiedBodyBytesMax = 16 * 1024
/** As much is put together before it is written. */
const flushBytes = 64 * 1024
const continueLine = 'HTTP/1.1 100 Continue\r\n\r\n'
const emptyBytes = Buffer.alloc(0)

export class ServerConnection implements Exchange, SocketReader, DeadlineOwner {
  readonly request: RequestHead
  readonly origin: ClientOrigin
  kept: unknown
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #deadline: Deadline
  #chunked: ChunkedReader | undefined
  #input: 'head' | 'body' | 'done' | 'drop' | 'tunnel' = 'head'
  #sink: ExchangeSink | undefined
  #stream: ByteStream | undefined
  /** What has come and cannot be taken yet. */
  #stash = emptyBytes
  #isConsuming = false
  #hasHeadDeadline = false
  #isClosed = false
  /** The handler has the request, and its answer is not out. */
  #isAnswering = false
  #isHeadSent = false
  #isPersistent = true
  #isBodyOpen = false
  #owesContinue = false
  #isBackedUp = false
  #bodyLeft = 0
  #bodyBytes = 0
  #droppedBytes = 0
  #answerFraming: AnswerFraming = 'none'
  #status = 0
  #bodyBytesOut = 0
  #requests = 0
  #requestId = ''
  #startMs = 0
  // Of the wheel's time: when the body began, when its last piece came, and the window over which its rate is looked at.
  #bodyStartMs = 0
  #bodyLastMs = 0
  #windowStartMs = 0
  #windowBytes = 0

  constructor(socket: Socket, origin: ClientOrigin, context: ConnectionContext) {
    this.#socket = socket
    this.origin = origin
    this.#context = context
    this.request = new RequestHead(context.limits)
    this.#deadline = new Deadline(this)
    context.wheel.set(this.#deadline, context.limits.headersTimeoutMs)
  }

  /** Between two requests, or before the first. */
  get isIdle(): boolean {
    return !this.#isAnswering && this.#input !== 'body' && this.#input !== 'tunnel' && !this.request.hasBegun
  }

  get isBackedUp(): boolean {
    return this.#isBackedUp
  }

  get requestId(): string {
    if (this.#requestId === '') this.#requestId = randomUUID()
    return this.#requestId
  }

  /** Ends it now, whatever it is doing. */
  destroy(): void {
    this.#socket.destroy()
  }

  // What the socket tells.

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.#context.counts.add(counters.bytesIn, end - start)
    this.#consume(bytes, start, end)
  }

  onEnd(): void {
    // A client that closes its side while it waits has gone, as nginx sees it too: its request need not go on.
    if (this.#input === 'tunnel') this.closeTunnel()
    else this.#socket.destroy()
  }

  onDrain(): void {
    this.#isBackedUp = false
    this.#arm()
    if (this.#input === 'tunnel') this.#stream?.onClientDrain()
    else this.#sink?.onDrain()
  }

  onError(): void {
    this.#socket.destroy()
  }

  onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#context.wheel.remove(this.#deadline)
    this.#stash = emptyBytes
    const stream = this.#stream
    this.#stream = undefined
    stream?.onClientClosed()
    this.#clientGone()
    this.#context.forget(this)
  }

  onDeadline(): void {
    if (this.#isClosed) return
    const { limits, wheel } = this.#context
    if (this.#input === 'drop' || this.#isBackedUp) this.#timeOut()
    else if (this.#input === 'tunnel') this.closeTunnel()
    else if (this.#input === 'body' && !this.#isAnswering) this.#timeOut()
    else if (this.#input === 'body' && this.#isBodyOpen) {
      const now = wheel.nowMs
      const isRateLow =
        now - this.#windowStartMs >= limits.bodyRateWindowMs &&
        this.#windowBytes < (limits.bodyBytesPerSecondMin * limits.bodyRateWindowMs) / 1000
      if (
        isRateLow ||
        now - this.#bodyLastMs >= limits.bodyIdleTimeoutMs ||
        now - this.#bodyStartMs >= limits.requestTimeoutMs
      )
        this.#refuse(refusals.bodyTooSlow)
      else {
        if (now - this.#windowStartMs >= limits.bodyRateWindowMs) this.#openRateWindow()
        this.#arm()
      }
    } else if (this.#input === 'head' && this.request.hasBegun) this.#refuse(refusals.headTooSlow)
    else if (this.isIdle) this.#socket.destroy()
  }

  // Input.

  #consume(bytes: Buffer, start: number, end: number): void {
    let at = start
    this.#isConsuming = true
    while (at < end && !this.#isClosed) {
      if (this.#input === 'head') {
        at = this.request.read(bytes, at, end)
        if (this.request.refusal !== undefined) this.#refuse(this.request.refusal)
        else if (this.request.isDone) this.#begin()
      } else if (this.#input === 'body') {
        if (!this.#isBodyOpen) break
        at = this.#readBody(bytes, at, end)
      } else if (this.#input === 'done') {
        if (this.#isAnswering) break
        this.#nextHead()
      } else if (this.#input === 'tunnel') {
        this.#arm()
        this.#stream?.onClientBytes(bytes, at, end)
        at = end
      } else {
        this.#droppedBytes += end - at
        if (this.#droppedBytes > this.#context.limits.lingerBytesMax) this.#socket.destroy()
        at = end
      }
    }
    this.#isConsuming = false
    if (this.#isClosed) return
    if (at < end) this.#keep(bytes, at, end)
    else if (this.#input === 'head' && this.request.hasBegun && !this.#hasHeadDeadline) {
      this.#hasHeadDeadline = true
      this.#context.wheel.set(this.#deadline, this.#context.limits.headersTimeoutMs)
    }
  }

  /** For later, in a copy; nothing more is read until then. */
  #keep(bytes: Buffer, at: number, end: number): void {
    this.#stash = Buffer.concat([this.#stash, bytes.subarray(at, end)])
    this.#socket.pause()
  }

  /** Goes on with what was kept, then with what comes. */
  #continueInput(): void {
    if (this.#isConsuming || this.#isClosed) return
    const stash = this.#stash
    if (stash.length > 0) {
      this.#stash = emptyBytes
      this.#consume(stash, 0, stash.length)
    }
    if (!this.#isClosed && this.#stash.length === 0 && this.#socket.isPaused()) this.#socket.resume()
  }

  #nextHead(): void {
    this.request.reset()
    this.#hasHeadDeadline = false
    this.#input = 'head'
  }

  #begin(): void {
    const { request } = this
    const { limits, counts, handler, isDraining } = this.#context
    this.#requestId = ''
    this.#status = 0
    this.#isHeadSent = false
    this.#bodyBytesOut = 0
    this.#isPersistent = false
    const refusal = request.understand()
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    this.#startMs = performance.now()
    if (request.requestIdIndex >= 0) this.#requestId = request.value(request.requestIdIndex)
    this.#isPersistent = request.isPersistent && !isDraining && ++this.#requests < limits.requestsPerConnectionMax
    this.#isAnswering = true
    this.#input = request.hasBody ? 'body' : 'done'
    if (request.hasBody) this.#beginBody()
    else this.#context.wheel.clear(this.#deadline)
    counts.add(counters.requests)
    counts.add(counters.requestsInFlight)
    try {
      handler.handle(this)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    process.emitWarning(`a handler of requests threw: ${String(error)}`)
    if (!this.#isAnswering) return
    const sink = this.#sink
    this.#sink = undefined
    sink?.onClientGone()
    if (this.#isHeadSent) this.abort()
    else this.answer({ status: 500, code: 'unavailable', message: 'the request could not be handled' })
  }

  #beginBody(): void {
    const { framing, expectsContinue } = this.request
    this.#isBodyOpen = false
    this.#owesContinue = expectsContinue
    this.#bodyLeft = framing.contentLength
    this.#bodyBytes = 0
    this.#droppedBytes = 0
    if (framing.bodyKind !== 'chunked') return
    this.#chunked ??= new ChunkedReader(this.#context.limits)
    this.#chunked.reset()
  }

  #readBody(bytes: Buffer, at: number, end: number): number {
    if (this.request.framing.bodyKind === 'length') {
      const next = at + Math.min(this.#bodyLeft, end - at)
      this.#bodyLeft -= next - at
      const isLast = this.#bodyLeft === 0
      if (isLast) this.#input = 'done'
      this.#takeBody(bytes, at, next)
      if (isLast) this.#bodyEnded()
      return next
    }
    const chunked = this.#chunked as ChunkedReader
    const next = chunked.step(bytes, at, end)
    if (chunked.refusal !== undefined) {
      this.#refuse(chunked.refusal)
      return next
    }
    const { pieceStart, pieceEnd, isDone } = chunked
    if (isDone) this.#input = 'done'
    if (pieceEnd > pieceStart) this.#takeBody(bytes, pieceStart, pieceEnd)
    if (isDone) this.#bodyEnded()
    return next
  }

  #takeBody(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    this.#bodyBytes += size
    this.#windowBytes += size
    this.#bodyLastMs = this.#context.wheel.nowMs
    if (this.#isAnswering) this.#sink?.onBody(bytes, start, end)
    else {
      this.#droppedBytes += size
      if (this.#droppedBytes > this.#context.limits.lingerBytesMax) this.#closeGently()
    }
  }

  #bodyEnded(): void {
    if (this.#isAnswering) {
      this.#arm()
      this.#sink?.onBodyEnd()
    } else if (this.#input === 'done') this.#becomeIdle()
  }

  // What the handler asks for.

  attach(sink: ExchangeSink): void {
    this.#sink = sink
  }

  startBody(): void {
    if (this.#input !== 'body' || this.#isBodyOpen) return
    if (this.#owesContinue) {
      this.#owesContinue = false
      // A body that is on its way already needs no permission.
      if (this.#bodyBytes === 0 && !this.#isHeadSent) {
        claimOut(this).text(continueLine)
        this.flush()
      }
    }
    this.#bodyStartMs = this.#bodyLastMs = this.#context.wheel.nowMs
    this.#openRateWindow()
    this.resumeBody()
  }

  pauseBody(): void {
    this.#isBodyOpen = false
    if (this.#input === 'body') this.#socket.pause()
  }

  resumeBody(): void {
    if (this.#input !== 'body') return
    this.#isBodyOpen = true
    // Silence while it was paused was ours.
    this.#bodyLastMs = this.#context.wheel.nowMs
    this.#openRateWindow()
    this.#arm()
    this.#continueInput()
  }

  answer(own: OwnAnswer): void {
    this.#beforeHead(own.status)
    if (own.status === 400 || this.#bodyAhead > this.#context.limits.lingerBytesMax) this.#isPersistent = false
    writeOwnAnswer(claimOut(this), own, {
      connection: this.#connectionLine(),
      requestId: this.requestId,
      isHead: this.request.method === 'HEAD',
    })
    this.#answered()
  }

  answerWhole(status: number, fields: string, body: Buffer): void {
    this.#beforeHead(status)
    const isBodiless = this.request.method === 'HEAD' || status === 204 || status === 304
    const contentLength = status === 204 ? -1 : body.length
    const out = claimOut(this)
    writePlainHead(out, { status, fields }, this.#lines('length', contentLength))
    if (!isBodiless) {
      this.#bodyBytesOut = body.length
      if (body.length <= copiedBodyBytesMax) out.put(body, 0, body.length)
      else this.#writeBeside(body)
    }
    this.#answered()
  }

  interim(head: AnswerHead): void {
    if (this.request.minorVersion === 0 || this.#isHeadSent) return
    writeInterimHead(claimOut(this), head)
    this.#context.counts.add(counters.answers1xx)
    this.flush()
  }

  answerHead(head: AnswerHead): void {
    this.#beforeHead(head.status)
    const { bodyKind, contentLength } = head.framing
    let framing: AnswerFraming = bodyKind === 'until-close' ? 'chunked' : bodyKind
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    if (framing === 'chunked' && this.request.minorVersion === 0) {
      framing = 'until-close'
      this.#isPersistent = false
    }
    this.#answerFraming = framing
    writeAnswerHead(claimOut(this), head, this.#lines(framing, contentLength))
  }

  answerBody(bytes: Buffer, start: number, end: number): void {
    const out = claimOut(this)
    this.#bodyBytesOut += end - start
    if (this.#answerFraming === 'chunked') {
      out.hexadecimal(end - start)
      out.lineEnd()
      out.put(bytes, start, end)
      out.lineEnd()
    } else out.put(bytes, start, end)
    if (out.size >= flushBytes) this.flush()
  }

  answerEnd(trailers?: HeadParser): void {
    if (this.#answerFraming === 'chunked') {
      const out = claimOut(this)
      out.text('0\r\n')
      if (trailers !== undefined && this.request.takesTrailers) copyFields(out, trailers, keptInTrailers, [])
      out.lineEnd()
    }
    this.#answered()
  }

  flush(): void {
    if (this.#isClosed) return
    if (flushOut(this, this.#socket)) return
    this.#isBackedUp = true
    this.#arm()
  }

  abort(): void {
    this.#sink = undefined
    this.#context.counts.add(counters.answersCut)
    this.#finish()
    // A reset and not an end: an answer that lasts until the connection closes would look whole. TLS sees that by itself.
    if ('encrypted' in this.#socket) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  // Tunnel.

  upgrade(head: AnswerHead, stream: ByteStream): void {
    this.#beforeHead(101)
    const out = claimOut(this)
    writeAnswerHead(out, head, { ...this.#lines('none', -1), connection: 'upgrade' })
    this.flush()
    this.#context.counts.add(counters.tunnels)
    this.#stream = stream
    this.#sink = undefined
    this.#input = 'tunnel'
    this.#finish()
    this.#arm()
    this.#continueInput()
  }

  sendTunnelBytes(bytes: Buffer, start: number, end: number): boolean {
    claimOut(this).put(bytes, start, end)
    this.flush()
    this.#arm()
    return !this.#isBackedUp
  }

  pauseTunnel(): void {
    this.#socket.pause()
  }

  resumeTunnel(): void {
    this.#socket.resume()
  }

  closeTunnel(): void {
    const stream = this.#stream
    this.#stream = undefined
    this.#closeGently()
    stream?.onClientClosed()
  }

  // Answers.

  #beforeHead(status: number): void {
    this.#status = status
    this.#isHeadSent = true
    if (this.#context.isDraining) this.#isPersistent = false
    // Nobody knows whether a client that was never told to continue will send its body.
    if (this.#input === 'body' && this.#owesContinue) this.#isPersistent = false
  }

  /** What is known to come of a body that nobody reads. */
  get #bodyAhead(): number {
    return this.#input === 'body' && this.request.framing.bodyKind === 'length' ? this.#bodyLeft : 0
  }

  #connectionLine(): AnswerLines['connection'] {
    if (!this.#isPersistent) return 'close'
    return this.request.minorVersion === 0 ? 'keep-alive' : ''
  }

  #lines(framing: AnswerFraming, contentLength: number): AnswerLines {
    return { framing, contentLength, connection: this.#connectionLine(), requestId: this.requestId }
  }

  /** A large body that does not change needs no copy: head and body leave in one system call. */
  #writeBeside(body: Buffer): void {
    this.#socket.cork()
    this.#socket.write(takeOut(this))
    this.#socket.write(body)
    this.#socket.uncork()
    this.#isBackedUp = this.#socket.writableNeedDrain
  }

  #answered(): void {
    this.flush()
    this.#sink = undefined
    this.#finish()
    if (this.#isClosed) return
    if (!this.#isPersistent) this.#closeGently()
    else if (this.#input === 'body') {
      // The rest of the body is read and dropped, within limits; then the next request can follow.
      this.#isBodyOpen = true
      this.#arm()
      this.#continueInput()
    } else this.#becomeIdle()
  }

  #becomeIdle(): void {
    this.#nextHead()
    this.#arm()
    this.#continueInput()
  }

  /** Counts an exchange that is over, once. */
  #finish(): void {
    if (!this.#isAnswering) return
    this.#isAnswering = false
    const { counts, handler } = this.#context
    counts.add(counters.requestsInFlight, -1)
    counts.add(counters.bodyBytesOut, this.#bodyBytesOut)
    if (this.#status >= 200 && this.#status < 600) counts.add(counters.answers2xx + Math.floor(this.#status / 100) - 2)
    handler.finished?.({
      exchange: this,
      status: this.#status,
      durationMs: performance.now() - this.#startMs,
      bodyBytesOut: this.#bodyBytesOut,
    })
  }

  /** The request cannot be taken, or its body is none. What follows on the connection is never read as a request. */
  #refuse(refusal: Refusal): void {
    const { counts } = this.#context
    counts.add(refusal.status === 408 ? counters.timeouts : counters.refusals)
    if (this.#isAnswering) {
      const sink = this.#sink
      this.#sink = undefined
      sink?.onClientGone()
      if (this.#isHeadSent) {
        this.abort()
        return
      }
    }
    this.#isPersistent = false
    this.#status = refusal.status
    writeOwnAnswer(claimOut(this), refusal, { connection: 'close', requestId: '', isHead: false })
    this.flush()
    this.#finish()
    this.#closeGently()
  }

  /** Ends our side, and reads and drops what the client still sends, for a while. */
  #closeGently(): void {
    if (this.#isClosed) return
    this.#input = 'drop'
    this.#stash = emptyBytes
    this.#droppedBytes = 0
    this.#isBodyOpen = false
    this.#socket.end()
    this.#context.wheel.set(this.#deadline, this.#context.limits.lingerMs)
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  #clientGone(): void {
    if (!this.#isAnswering) return
    this.#context.counts.add(counters.clientsGone)
    this.#status = 499
    const sink = this.#sink
    this.#sink = undefined
    this.#finish()
    sink?.onClientGone()
  }

  #timeOut(): void {
    this.#context.counts.add(counters.timeouts)
    this.#socket.destroy()
  }

  #openRateWindow(): void {
    this.#windowStartMs = this.#context.wheel.nowMs
    this.#windowBytes = 0
  }

  /** Sets the deadline that belongs to what the connection does now. */
  #arm(): void {
    const { wheel, limits } = this.#context
    if (this.#isClosed || this.#input === 'drop') return
    if (this.#isBackedUp) wheel.set(this.#deadline, limits.sendIdleTimeoutMs)
    else if (this.#input === 'tunnel') wheel.set(this.#deadline, limits.tunnelIdleTimeoutMs)
    else if (!this.#isAnswering)
      wheel.set(this.#deadline, this.#input === 'body' ? limits.lingerMs : limits.keepAliveTimeoutMs)
    else if (this.#input === 'body' && this.#isBodyOpen)
      wheel.set(this.#deadline, Math.min(limits.bodyIdleTimeoutMs, limits.bodyRateWindowMs))
    else wheel.clear(this.#deadline)
  }
}
