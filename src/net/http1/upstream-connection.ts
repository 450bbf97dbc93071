// One connection to a server: a request out, its answer in, and again. Nothing is sent ahead: a request waits for the
// answer before it, so an answer can never be taken for another's.
//
// connecting -> idle -> head (the answer's head is awaited) -> body -> idle; and from anywhere to closed, or to tunnel.
// It is used again only when the request was sent whole, the answer was read whole, and nothing came behind it.

import type { Socket } from 'node:net'
import { AnswerHead } from './answer-head.ts'
import { writeBody } from './body-writer.ts'
import { ByteWriter } from './byte-writer.ts'
import { ChunkedReader } from './chunked.ts'
import { type Counters, counters } from './counters.ts'
import { type Failure, failureOf } from './failure.ts'
import { connectFast, type SocketReader } from './fast-socket.ts'
import type { HeadParser } from './head-parser.ts'
import type { UpstreamLimits } from './limits.ts'
import { claimOut, flushOut } from './shared-out.ts'
import { Deadline, type DeadlineOwner, type TimerWheel } from './timer-wheel.ts'

/** Who has the connection. After `onAnswerEnd` or `onFailure` it has it no more. Bytes are valid during the call only. */
export interface UpstreamUser {
  /** Connected, and nothing sent yet. */
  onReady(connection: UpstreamConnection): void
  onInterim(head: AnswerHead): void
  /** `bytesAtHand`: how much of the body has come with it. */
  onAnswerHead(head: AnswerHead, bytesAtHand: number): void
  onAnswerBody(bytes: Buffer, start: number, end: number): void
  onAnswerEnd(trailers: HeadParser | undefined): void
  /** All that has come is passed on; what was put together can be sent. */
  onReadEnd(): void
  /** The server takes bytes again. */
  onServerDrain(): void
  onUpgraded(head: AnswerHead): void
  onServerBytes(bytes: Buffer, start: number, end: number): void
  onServerClosed(): void
  onFailure(failure: Failure): void
}

export interface ServerAddress {
  address: string
  port: number
}

/** What a pool's connections share. */
export interface PoolContext {
  readonly server: ServerAddress
  readonly limits: UpstreamLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  /** Somebody waits for a connection. */
  readonly waiting: number
  /** Can be used by the next one, who may call at once. */
  free(connection: UpstreamConnection): void
  closed(connection: UpstreamConnection): void
}

const bytesAtFirst = 1024

/** As much of a body is put together before it is written. */
const flushBytes = 64 * 1024

export class UpstreamConnection implements SocketReader, DeadlineOwner {
  /** The request as it is sent; whole in here when it is small. */
  readonly out = new ByteWriter(bytesAtFirst)
  readonly head: AnswerHead
  user: UpstreamUser | undefined
  /** It has served a request before: the server may have closed it just now. */
  isReused = false
  /** A byte of the answer has come. */
  hasAnswerBegun = false
  readonly #pool: PoolContext
  readonly #socket: Socket
  readonly #deadline = new Deadline(this)
  readonly #openedMs: number
  #state: 'connecting' | 'idle' | 'head' | 'body' | 'tunnel' | 'closed' = 'connecting'
  #chunked: ChunkedReader | undefined
  #bodyLeft = 0
  #requests = 0
  #interimAnswers = 0
  #isHeadRequest = false
  #wantsUpgrade = false
  #isRequestSent = false
  #isPaused = false
  #keepAliveMs: number

  constructor(pool: PoolContext, user: UpstreamUser) {
    this.#pool = pool
    this.user = user
    this.head = new AnswerHead(pool.limits)
    this.#openedMs = pool.wheel.nowMs
    this.#keepAliveMs = pool.limits.keepAliveTimeoutMs
    this.#socket = connectFast(pool.server, this)
    pool.wheel.set(this.#deadline, pool.limits.connectTimeoutMs)
  }

  get isConnecting(): boolean {
    return this.#state === 'connecting'
  }

  /** The server takes bytes more slowly than they come: wait for `onServerDrain`. */
  get isBackedUp(): boolean {
    return this.#socket.writableNeedDrain
  }

  // What its user asks for.

  /** Sends what was put into `out`. `isWhole`: the body, if there is one, is in it. */
  send({ isHead, wantsUpgrade, isWhole }: { isHead: boolean; wantsUpgrade: boolean; isWhole: boolean }): void {
    this.head.reset()
    this.hasAnswerBegun = false
    this.#state = 'head'
    this.#isHeadRequest = isHead
    this.#wantsUpgrade = wantsUpgrade
    this.#isRequestSent = isWhole
    this.#interimAnswers = 0
    this.#isPaused = false
    this.#requests++
    const { limits, wheel } = this.#pool
    wheel.set(this.#deadline, isWhole ? limits.answerTimeoutMs : limits.bodyIdleTimeoutMs)
    this.#socket.write(this.out.view())
  }

  /** A piece of the body; it leaves with `flush`, or when there is enough of it. */
  putBody(bytes: Buffer, start: number, end: number, isChunked: boolean): void {
    const out = claimOut(this)
    writeBody(out, bytes, start, end, isChunked)
    if (out.size >= flushBytes) this.flush()
  }

  endBody(isChunked: boolean): void {
    if (isChunked) claimOut(this).text('0\r\n\r\n')
    this.flush()
    this.#isRequestSent = true
    // An answer that has begun keeps its own time.
    if (this.#state === 'head') this.#pool.wheel.set(this.#deadline, this.#pool.limits.answerTimeoutMs)
  }

  flush(): void {
    if (this.#state === 'closed') return
    flushOut(this, this.#socket)
    if (this.#state === 'head') this.#pool.wheel.set(this.#deadline, this.#pool.limits.bodyIdleTimeoutMs)
  }

  /** The client takes the answer slowly. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
    this.#pool.wheel.clear(this.#deadline) // the silence is ours
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#state !== 'tunnel') this.#pool.wheel.set(this.#deadline, this.#pool.limits.bodyIdleTimeoutMs)
    this.#socket.resume()
  }

  sendTunnelBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.#socket.write(Buffer.from(bytes.subarray(start, end)))
  }

  /** Ends the connection; its user hears no more. May be called twice. */
  close(): void {
    if (this.#state === 'closed') return
    this.user = undefined
    this.#state = 'closed'
    this.#pool.wheel.remove(this.#deadline)
    this.#socket.destroy()
    this.#pool.closed(this)
  }

  // What the socket tells.

  onConnect(): void {
    if (this.#state !== 'connecting') return
    this.#state = 'idle'
    this.user?.onReady(this)
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    const { user } = this
    if (this.#state === 'tunnel') {
      user?.onServerBytes(bytes, start, end)
      return
    }
    // Nobody has asked: what comes now would be taken for the next answer.
    if (user === undefined || this.#state === 'idle') {
      this.close()
      return
    }
    this.hasAnswerBegun = true
    let at = start
    while (at < end && this.user === user) at = this.#readAnswer(bytes, at, end, user)
    if (this.user === user) user.onReadEnd()
  }

  onEnd(): void {
    const { user } = this
    if (this.#state === 'body' && user !== undefined && this.head.framing.bodyKind === 'until-close') {
      this.close()
      user.onAnswerEnd(undefined)
    } else if (this.#state === 'tunnel') this.#endTunnel()
    else this.#fail({ kind: 'reset', wasSent: true, reason: 'the server closed the connection' })
  }

  onDrain(): void {
    this.user?.onServerDrain()
  }

  onError(error: NodeJS.ErrnoException): void {
    if (this.#state === 'tunnel') this.#endTunnel()
    else this.#fail(failureOf(error, { wasSent: this.#state !== 'connecting' }))
  }

  onClose(): void {
    if (this.#state === 'tunnel') this.#endTunnel()
    else this.#fail({ kind: 'reset', wasSent: this.#state !== 'connecting', reason: 'the connection closed' })
  }

  onDeadline(): void {
    if (this.#state === 'idle') this.close()
    else if (this.#state === 'connecting')
      this.#fail({ kind: 'refused', wasSent: false, reason: 'no connection within the time-out' })
    else this.#fail({ kind: 'timeout', wasSent: true, reason: `silence in the ${this.#state} of an answer` })
  }

  // The answer.

  #readAnswer(bytes: Buffer, at: number, end: number, user: UpstreamUser): number {
    if (this.#state === 'head') return this.#readHead(bytes, at, end, user)
    if (this.#state === 'body') return this.#readBody(bytes, at, end, user)
    user.onServerBytes(bytes, at, end) // the new protocol's first words came with the 101
    return end
  }

  #readHead(bytes: Buffer, at: number, end: number, user: UpstreamUser): number {
    const { head } = this
    const next = head.read(bytes, at, end)
    if (head.refusal !== undefined) return this.#badAnswer(head.refusal.message, next)
    if (!head.isDone) return next
    const refusal = head.understand(this.#isHeadRequest)
    if (refusal !== undefined) return this.#badAnswer(refusal.message, next)
    if (head.status === 101) {
      if (!this.#wantsUpgrade || !head.framing.hasUpgrade) return this.#badAnswer('a 101 that nobody asked for', next)
      this.#state = 'tunnel'
      this.#pool.wheel.clear(this.#deadline)
      user.onUpgraded(head)
      return next
    }
    if (head.isInterim) {
      if (++this.#interimAnswers > this.#pool.limits.interimAnswersMax)
        return this.#badAnswer('too many interim answers', next)
      user.onInterim(head)
      head.reset()
      return next
    }
    this.#beginBody()
    user.onAnswerHead(head, end - next)
    if (this.user === user && head.framing.bodyKind === 'none') this.#answered(user, next === end)
    return next
  }

  #beginBody(): void {
    const { bodyKind, contentLength } = this.head.framing
    this.#state = 'body'
    this.#pool.wheel.set(this.#deadline, this.#pool.limits.bodyIdleTimeoutMs)
    this.#bodyLeft = contentLength
    if (bodyKind !== 'chunked') return
    this.#chunked ??= new ChunkedReader(this.#pool.limits)
    this.#chunked.reset()
  }

  #readBody(bytes: Buffer, at: number, end: number, user: UpstreamUser): number {
    const { bodyKind } = this.head.framing
    if (!this.#isPaused) this.#pool.wheel.set(this.#deadline, this.#pool.limits.bodyIdleTimeoutMs)
    if (bodyKind === 'chunked') return this.#readChunked(bytes, at, end, user)
    const next = bodyKind === 'until-close' ? end : at + Math.min(this.#bodyLeft, end - at)
    this.#bodyLeft -= next - at
    user.onAnswerBody(bytes, at, next)
    if (this.user === user && bodyKind === 'length' && this.#bodyLeft === 0) this.#answered(user, next === end)
    return next
  }

  #readChunked(bytes: Buffer, at: number, end: number, user: UpstreamUser): number {
    const chunked = this.#chunked as ChunkedReader
    const next = chunked.step(bytes, at, end)
    if (chunked.refusal !== undefined) return this.#badAnswer(chunked.refusal.message, next)
    const { pieceStart, pieceEnd, isDone, trailers } = chunked
    if (pieceEnd > pieceStart) user.onAnswerBody(bytes, pieceStart, pieceEnd)
    if (isDone && this.user === user) this.#answered(user, next === end, trailers)
    return next
  }

  /** Free again before its user hears of it, where it can be: the user may need a connection at once. */
  #answered(user: UpstreamUser, isClean: boolean, trailers?: HeadParser): void {
    const { limits, wheel } = this.#pool
    const mayServeOn =
      isClean &&
      this.#isRequestSent &&
      this.#socket.writableLength === 0 &&
      this.head.isPersistent &&
      this.#requests < limits.requestsPerConnectionMax &&
      wheel.nowMs - this.#openedMs < limits.ageMsMax
    // Whoever waits takes it over at once, so this user must have read the end of its answer before.
    const hasWaiters = this.#pool.waiting > 0
    if (!mayServeOn) this.close()
    else {
      this.user = undefined
      this.#state = 'idle'
      this.isReused = true
      if (this.#isPaused) this.resume()
      const promised = this.head.keepAliveSeconds
      if (promised >= 0) this.#keepAliveMs = Math.min(limits.keepAliveTimeoutMs, Math.max(0, promised * 1000 - 1000))
      wheel.set(this.#deadline, this.#keepAliveMs)
      if (!hasWaiters) this.#pool.free(this)
    }
    user.onAnswerEnd(trailers)
    if (mayServeOn && hasWaiters && this.#state === 'idle') this.#pool.free(this)
  }

  #badAnswer(reason: string, at: number): number {
    this.#fail({ kind: 'bad-answer', wasSent: true, reason })
    return at
  }

  #fail(failure: Failure): void {
    const { user } = this
    const isIdle = this.#state === 'idle'
    if (this.#state === 'closed') return
    this.close()
    if (user === undefined || isIdle) return
    this.#pool.counts.add(counters.upstreamFailures)
    user.onFailure(failure)
  }

  #endTunnel(): void {
    const { user } = this
    this.close()
    user?.onServerClosed()
  }
}
