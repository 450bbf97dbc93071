// One connection of a client: heads in, bodies to the handler's sink, answers out, in order.
//
// Input moves through: head -> body -> done (the request is whole) -> head; or, from anywhere, to drop (the connection is
// ending: what still comes is read and thrown away, so that the kernel does not reset it under our last answer) or to tunnel.
// A next request begins when the last one is whole and answered; what a client sends ahead waits, and above a limit the
// socket is paused.

import type { Socket } from 'node:net'
import type { ServedConnection } from '../server/served-connection.ts'
import { AnswerSender } from './answer-sender.ts'
import { ClientBody } from './client-body.ts'
import type { ClientOrigin } from './client-origin.ts'
import type { ConnectionContext } from './connection-context.ts'
import { counters } from './counters.ts'
import type { ByteStream } from './exchange.ts'
import type { SocketReader } from './fast-socket.ts'
import { type Refusal, refusals } from './refusals.ts'
import { RequestHead } from './request-head.ts'
import { type ExchangeInput, ServerExchange } from './server-exchange.ts'
import { Deadline, type DeadlineOwner } from './timer-wheel.ts'

/** One read more than this is kept at most. */
const stashBytesMax = 32 * 1024
const emptyBytes: Buffer = Buffer.alloc(0)

export class ServerConnection implements ServedConnection, ExchangeInput, SocketReader, DeadlineOwner {
  readonly origin: ClientOrigin
  readonly #request: RequestHead
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #deadline: Deadline
  readonly #sender: AnswerSender
  readonly #body: ClientBody
  readonly #exchange: ServerExchange
  #input: 'head' | 'body' | 'done' | 'drop' | 'tunnel' = 'head'
  #stream: ByteStream | undefined
  /** What has come and cannot be taken yet. */
  #stash = emptyBytes
  #isConsuming = false
  #hasHeadDeadline = false
  #isClosed = false
  #isBodyOpen = false
  #isTunnelPaused = false
  #droppedBytes = 0
  #requests = 0

  constructor(socket: Socket, origin: ClientOrigin, context: ConnectionContext) {
    this.#socket = socket
    this.origin = origin
    this.#context = context
    this.#request = new RequestHead(context.limits)
    this.#sender = new AnswerSender(socket, this.#request)
    this.#body = new ClientBody(context.limits)
    this.#exchange = new ServerExchange(this.#request, { origin, context, sender: this.#sender, input: this })
    this.#deadline = new Deadline(this)
    context.wheel.set(this.#deadline, context.limits.headersTimeoutMs)
  }

  /** Between two requests, or before the first. */
  get isIdle(): boolean {
    return !this.#exchange.isOpen && (this.#input === 'head' || this.#input === 'done') && !this.#request.hasBegun
  }

  /** Its next answer says so (`isDraining`): a request may be on its way already. */
  onDraining(): void {}

  destroy(): void {
    this.#socket.destroy()
  }

  // What the socket tells.

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.#context.counts.add(counters.bytesIn, end - start)
    if (this.#stash.length > 0) this.#keep(bytes, start, end)
    else this.#consume(bytes, start, end)
  }

  onEnd(): void {
    // A client that closes its side while it waits has gone, as nginx sees it too: its request need not go on. One that
    // has its answer, and is still taking it, may.
    if (this.#input === 'tunnel') this.closeTunnel()
    else if (this.#exchange.isOpen || this.#input === 'drop') this.#endAfterClient()
    else this.#closeGently()
  }

  onDrain(): void {
    this.#sender.isBackedUp = false
    this.arm()
    if (this.#input === 'tunnel') {
      this.#stream?.onClientDrain()
      return
    }
    this.#exchange.drained()
    if (this.#stash.length > 0) this.#continueInput()
  }

  onError(): void {
    this.#socket.destroy()
  }

  onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = this.#sender.isClosed = true
    this.#context.wheel.remove(this.#deadline)
    this.#stash = emptyBytes
    this.#leaveTunnel()
    this.#exchange.clientGone()
    this.#context.forget(this)
  }

  onDeadline(): void {
    if (this.#isClosed) return
    if (this.#input === 'drop' || this.#sender.isBackedUp) this.#timeOut()
    else if (this.#input === 'tunnel') this.closeTunnel()
    else if (this.#input === 'head' && this.#request.hasBegun) this.#refuse(refusals.headTooSlow)
    else if (this.isIdle) this.#socket.destroy()
    else if (this.#input !== 'body') return
    else if (!this.#exchange.isOpen) this.#timeOut()
    else if (!this.#isBodyOpen) return
    else if (this.#body.clock.isTooSlow(this.#context.wheel.nowMs)) this.#refuse(refusals.bodyTooSlow)
    else this.arm()
  }

  // Input.

  #consume(bytes: Buffer, start: number, end: number): void {
    let at = start
    this.#isConsuming = true
    while (at < end && !this.#isClosed) {
      if (this.#input === 'head') {
        // Who does not take its answers gets no more of them.
        if (this.#sender.isBackedUp) break
        at = this.#request.read(bytes, at, end)
        if (this.#request.refusal !== undefined) this.#refuse(this.#request.refusal)
        else if (this.#request.isDone) this.#begin()
      } else if (this.#input === 'body') {
        if (!this.#isBodyOpen) break
        at = this.#readBody(bytes, at, end)
      } else if (this.#input === 'done') {
        if (this.#exchange.isOpen) break
        this.#nextHead()
      } else {
        this.#pass(bytes, at, end)
        at = end
      }
    }
    if (at >= end && this.#input === 'body' && this.#isBodyOpen && this.#exchange.isOpen)
      this.#exchange.sink?.onBodyPause()
    this.#isConsuming = false
    if (this.#isClosed) return
    if (at < end) this.#keep(bytes, at, end)
    else this.#wantMore()
  }

  #pass(bytes: Buffer, at: number, end: number): void {
    if (this.#input === 'tunnel') {
      this.arm()
      this.#stream?.onClientBytes(bytes, at, end)
      return
    }
    this.#droppedBytes += end - at
    if (this.#droppedBytes > this.#context.limits.lingerBytesMax) this.#socket.destroy()
  }

  /** Everything that has come was taken. */
  #wantMore(): void {
    if (this.#input === 'head' && this.#request.hasBegun && !this.#hasHeadDeadline) {
      this.#hasHeadDeadline = true
      this.#context.wheel.set(this.#deadline, this.#context.limits.headersTimeoutMs)
    }
    const isHeld = this.#input === 'tunnel' ? this.#isTunnelPaused : this.#input === 'body' && !this.#isBodyOpen
    if (isHeld) return
    // Paused and continued while it was being consumed.
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  /** For later, in a copy. Up to a limit the socket is still read, because that is how it tells that the client has gone. */
  #keep(bytes: Buffer, at: number, end: number): void {
    this.#stash = Buffer.concat([this.#stash, bytes.subarray(at, end)])
    if (this.#stash.length >= stashBytesMax) this.#socket.pause()
  }

  /** Goes on with what was kept, then with what comes. */
  #continueInput(): void {
    if (this.#isConsuming || this.#isClosed) return
    const stash = this.#stash
    this.#stash = emptyBytes
    if (stash.length > 0) this.#consume(stash, 0, stash.length)
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  #nextHead(): void {
    this.#request.reset()
    this.#hasHeadDeadline = false
    this.#input = 'head'
  }

  #begin(): void {
    const request = this.#request
    const { limits, isDraining, wheel } = this.#context
    this.#sender.begin()
    const refusal = request.understand()
    if (refusal !== undefined) {
      this.#refuse(refusal)
      return
    }
    this.#input = request.hasBody ? 'body' : 'done'
    this.#isBodyOpen = false
    if (request.hasBody) this.#body.begin(request.framing)
    wheel.clear(this.#deadline)
    const isPersistent = request.isPersistent && !isDraining && ++this.#requests < limits.requestsPerConnectionMax
    this.#exchange.begin({ isPersistent })
  }

  #readBody(bytes: Buffer, at: number, end: number): number {
    const body = this.#body
    const next = body.step(bytes, at, end, this.#context.wheel.nowMs)
    if (body.refusal !== undefined) {
      this.#refuse(body.refusal)
      return next
    }
    const { pieceStart, pieceEnd, isDone } = body
    if (isDone) this.#input = 'done'
    if (pieceEnd > pieceStart) this.#takeBody(bytes, pieceStart, pieceEnd)
    if (isDone) this.#bodyEnded()
    return next
  }

  #takeBody(bytes: Buffer, start: number, end: number): void {
    if (this.#exchange.isOpen) {
      this.#exchange.sink?.onBody(bytes, start, end)
      return
    }
    this.#droppedBytes += end - start
    if (this.#droppedBytes > this.#context.limits.lingerBytesMax) this.#closeGently()
  }

  #bodyEnded(): void {
    if (this.#input !== 'done') return
    if (this.#exchange.isOpen) {
      this.arm()
      this.#exchange.sink?.onBodyEnd()
    } else this.#becomeIdle()
  }

  // What its exchange asks for.

  get hasBodyAhead(): boolean {
    return this.#input === 'body'
  }

  get bodyBytesAhead(): number {
    return this.#input === 'body' ? this.#body.ahead : 0
  }

  startBody(): void {
    const exchange = this.#exchange
    if (this.#input !== 'body' || this.#isBodyOpen) return
    // A body that is on its way already needs no permission.
    if (exchange.owesContinue && this.#stash.length === 0 && !this.#sender.isHeadSent) this.#sender.sendContinue()
    exchange.owesContinue = false
    this.#body.clock.start(this.#context.wheel.nowMs)
    this.resumeBody()
  }

  pauseBody(): void {
    this.#isBodyOpen = false
    if (this.#input === 'body') this.#socket.pause()
  }

  resumeBody(): void {
    if (this.#input !== 'body' || this.#isBodyOpen) return
    this.#isBodyOpen = true
    this.#body.clock.resume(this.#context.wheel.nowMs)
    this.arm()
    this.#continueInput()
  }

  answered(): void {
    if (this.#isClosed) return
    if (!this.#exchange.isPersistent) this.#closeGently()
    else if (this.#input === 'body') {
      // The rest of the body is read and dropped, within limits; then the next request can follow.
      this.#isBodyOpen = true
      this.#droppedBytes = 0
      this.arm()
      this.#continueInput()
    } else this.#becomeIdle()
  }

  beginTunnel(stream: ByteStream): void {
    this.#stream = stream
    this.#context.counts.add(counters.tunnelsOpen)
    this.#input = 'tunnel'
    this.arm()
    this.#continueInput()
  }

  pauseTunnel(): void {
    this.#isTunnelPaused = true
    this.#socket.pause()
  }

  resumeTunnel(): void {
    this.#isTunnelPaused = false
    this.#socket.resume()
  }

  closeTunnel(): void {
    this.#closeGently()
    this.#leaveTunnel()
  }

  #leaveTunnel(): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#stream = undefined
    this.#context.counts.add(counters.tunnelsOpen, -1)
    stream.onClientClosed()
  }

  /** A reset and not an end: an answer that lasts until the connection closes would look whole. TLS sees that by itself. */
  reset(): void {
    if ('encrypted' in this.#socket || !('resetAndDestroy' in this.#socket)) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  /** Sets the deadline that belongs to what the connection does now. */
  arm(): void {
    const { wheel, limits } = this.#context
    if (this.#isClosed || this.#input === 'drop') return
    if (this.#sender.isBackedUp) wheel.set(this.#deadline, limits.sendIdleTimeoutMs)
    else if (this.#input === 'tunnel') wheel.set(this.#deadline, limits.tunnelIdleTimeoutMs)
    else if (!this.#exchange.isOpen)
      wheel.set(this.#deadline, this.#input === 'body' ? limits.lingerMs : limits.keepAliveTimeoutMs)
    else if (this.#input === 'body' && this.#isBodyOpen) wheel.set(this.#deadline, this.#body.clock.checkAfterMs)
    else wheel.clear(this.#deadline)
  }

  // The end of things.

  #becomeIdle(): void {
    this.#nextHead()
    this.arm()
    this.#continueInput()
  }

  /** What follows on the connection is never read as a request: nobody knows where one would begin. */
  #refuse(refusal: Refusal): void {
    if (this.#exchange.refuse(refusal)) this.#closeGently()
  }

  /** Ends our side, and reads and drops what the client still sends, for a while. */
  #closeGently(): void {
    if (this.#isClosed) return
    this.#input = 'drop'
    this.#stash = emptyBytes
    this.#droppedBytes = 0
    const { wheel, limits } = this.#context
    // First our last bytes have their time, then what the client still sends has.
    wheel.set(this.#deadline, this.#socket.writableLength > 0 ? limits.sendIdleTimeoutMs : limits.lingerMs)
    this.#socket.end(() => {
      if (!this.#isClosed) wheel.set(this.#deadline, limits.lingerMs)
    })
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  #endAfterClient(): void {
    if (this.#input !== 'drop' || this.#socket.writableFinished) this.#socket.destroy()
    // Else the socket goes by itself when our last bytes are out: both sides have ended then.
  }

  #timeOut(): void {
    this.#context.counts.add(counters.timeouts)
    this.#socket.destroy()
  }
}
