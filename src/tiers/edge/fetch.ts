// One request of the edge's own to a server, for all clients that wait for the same answer. To whoever forwards it, it is an
// exchange like any other; its client is the store, and everybody who waits.
//
// asking -> keeping (the body goes into the store and to all who wait), passing (to the one who asked first, and to nobody
// else) or discarding -> over. A client that goes away ends nothing that others wait for, nor what is being kept.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { OwnAnswer } from '../../net/http1/answer-writer.ts'
import type { ClientOrigin } from '../../net/http1/client-origin.ts'
import type { Exchange, ExchangeNotes, ExchangeSink } from '../../net/http1/exchange.ts'
import { warnOfFault } from '../../net/http1/fault.ts'
import type { HeadParser } from '../../net/http1/head-parser.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'
import { aheadBytesMax, discardedBytesMax } from './limits.ts'
import { SharedBody } from './shared-body.ts'
import type { KeptWriter } from './store/contract.ts'
import type { WaitedFor, Waiter } from './waiter.ts'
import { writeAnswer } from './written-head.ts'

/** What decides about its answer. */
export interface FetchOwner<Of extends Fetch> {
  /** It calls `keep`, `passOn` or `discard` before it returns. `lines`: what those who forward add for the client. */
  answered(fetch: Of, head: AnswerHead, lines: string): void
  /** No server answered. */
  refused(fetch: Of, own: OwnAnswer): void
  /** The whole body has come. Whoever has no head yet is answered by the owner. */
  kept(fetch: Of, body: SharedBody): void
  /** These have nothing yet, and nobody holds the beginning any more: they ask again. */
  missed(fetch: Of, waiters: readonly Waiter[]): void
  /** The answer broke off, with nothing sent to these. */
  lost(fetch: Of, waiters: readonly Waiter[]): void
  /** Nothing more comes of it. */
  over(fetch: Of): void
  received(fetch: Of, bytes: number): void
}

interface Keeping {
  body: SharedBody
  /** Undefined when it grew too large to be kept: then it only streams. */
  writer: KeptWriter | undefined
  head: AnswerHead
  linesFor: (waiter: Waiter) => string
}

export class Fetch implements Exchange, WaitedFor {
  readonly request: RequestHead
  readonly origin: ClientOrigin
  readonly requestId: string
  readonly notes: ExchangeNotes = { server: '', attempts: 0, cache: '' }
  kept: unknown
  readonly waiters = new Set<Waiter>()
  /** The one whose request this is, while its client is there: what is not for everybody is for it alone. */
  leader: Waiter | undefined
  /** It goes on although nobody waits: what is kept is to be made fresh. */
  isForItself = false
  #state: 'asking' | 'keeping' | 'passing' | 'discarding' | 'over' = 'asking'
  #sink: ExchangeSink | undefined
  #keeping: Keeping | undefined
  #discarded = 0
  readonly #owner: FetchOwner<this>

  constructor(request: RequestHead, from: Pick<Exchange, 'origin' | 'requestId'>, owner: FetchOwner<never>) {
    this.request = request
    this.origin = from.origin
    this.requestId = from.requestId
    this.#owner = owner as FetchOwner<this>
  }

  get isAsking(): boolean {
    return this.#state === 'asking'
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** Its body comes, and is for everybody who joins. */
  get isKeeping(): boolean {
    return this.#state === 'keeping' && this.#keeping?.writer !== undefined
  }

  // Those who wait.

  join(waiter: Waiter): void {
    this.waiters.add(waiter)
    waiter.joined(this)
    if (this.#keeping !== undefined) this.#pump(waiter)
  }

  /** It waits no more for this. */
  release(waiter: Waiter): void {
    this.waiters.delete(waiter)
    if (this.leader === waiter) this.leader = undefined
    waiter.detach()
  }

  drained(waiter: Waiter): void {
    if (this.#state === 'keeping') this.#pump(waiter)
    if (!this.isBackedUp) this.#sink?.onDrain()
  }

  left(waiter: Waiter): void {
    const wasLeader = this.leader === waiter
    this.release(waiter)
    if (this.#state === 'passing' ? wasLeader : this.waiters.size === 0 && !this.isKeeping && !this.isForItself)
      this.cancel()
    else if (!this.isBackedUp) this.#sink?.onDrain()
  }

  /** The server's work is for nobody. */
  cancel(): void {
    if (this.#state === 'over') return
    const sink = this.#sink
    this.#end()
    sink?.onClientGone()
  }

  // What the owner decides.

  keep(keeping: Omit<Keeping, 'body'>): void {
    this.#state = 'keeping'
    this.#keeping = { ...keeping, body: new SharedBody() }
    const { writer } = keeping
    if (writer !== undefined)
      writer.onDrain = () => {
        if (!this.isBackedUp) this.#sink?.onDrain()
      }
  }

  /** To the one who asked; the others were released. */
  passOn(head: AnswerHead, lines: string): void {
    this.#state = 'passing'
    if (this.leader === undefined) this.cancel()
    else this.leader.exchange.answerHead(head, lines)
  }

  /** What still comes is for nobody, and not worth a new connection when it is short. */
  discard(head: AnswerHead): void {
    this.#state = 'discarding'
    if (head.framing.contentLength > discardedBytesMax) this.cancel()
  }

  // The exchange, as those who forward see it.

  get isBackedUp(): boolean {
    if (this.#state === 'passing') return this.leader?.exchange.isBackedUp === true
    const keeping = this.#keeping
    if (keeping === undefined) return false
    const { body, writer } = keeping
    if (writer?.isBackedUp) return true
    let fastest = -1
    let slowest = body.bytes
    for (const { sent, hasHead } of this.waiters) {
      if (!hasHead) continue
      fastest = Math.max(fastest, sent)
      slowest = Math.min(slowest, sent)
    }
    // While it is kept, the slow ones have the store to read from; else nobody may be left behind.
    return fastest >= 0 && body.bytes - (writer === undefined ? slowest : fastest) > aheadBytesMax
  }

  attach(sink: ExchangeSink): void {
    this.#sink = sink
  }

  answer(own: OwnAnswer): void {
    this.#sink = undefined
    if (this.#state === 'asking') this.#guard(() => this.#owner.refused(this, own))
    else this.abort()
  }

  answerWhole(status: number, fields: string, body: Buffer): void {
    this.answerHead(writeAnswer({ status, lines: fields, bytes: body.length }))
    this.answerBody(body, 0, body.length)
    this.answerEnd()
  }

  interim(head: AnswerHead): void {
    this.leader?.exchange.interim(head) // nobody knows yet whether the others get this answer
  }

  answerHead(head: AnswerHead, fields = ''): void {
    this.#guard(() => this.#owner.answered(this, head, fields))
  }

  answerBody(bytes: Buffer, start: number, end: number): void {
    this.#owner.received(this, end - start)
    if (this.#state === 'passing') this.leader?.exchange.answerBody(bytes, start, end)
    else if (this.#state === 'discarding') {
      this.#discarded += end - start
      if (this.#discarded > discardedBytesMax) this.cancel()
    } else if (this.#keeping !== undefined) this.#take(this.#keeping, bytes, start, end)
  }

  answerEnd(trailers?: HeadParser): void {
    this.#sink = undefined
    const keeping = this.#keeping
    if (this.#state === 'passing') {
      const { leader } = this
      this.#end()
      leader?.detach()
      leader?.exchange.answerEnd(trailers)
    } else if (this.#state === 'keeping' && keeping !== undefined) {
      const { body } = keeping
      const waiters = [...this.waiters]
      body.isWhole = true
      this.#guard(() => this.#owner.kept(this, body))
      this.#end()
      for (const waiter of waiters) this.#finish(keeping, waiter)
    } else this.#end()
  }

  flush(): void {
    if (this.#state === 'passing') this.leader?.exchange.flush()
    else if (this.#state === 'keeping') for (const waiter of [...this.waiters]) this.#pump(waiter)
  }

  abort(): void {
    this.#sink = undefined
    this.#keeping?.writer?.abort()
    const waiters = [...this.waiters]
    const wasPassing = this.#state === 'passing'
    this.#end()
    for (const waiter of waiters) if (wasPassing || waiter.hasHead) waiter.exchange.abort()
    const silent = wasPassing ? [] : waiters.filter(({ hasHead }) => !hasHead)
    if (silent.length > 0) this.#owner.lost(this, silent)
  }

  /** The body that is being kept. */
  get writer(): KeptWriter | undefined {
    return this.#keeping?.writer
  }

  /** Whoever the owner did not answer reads the body to its end. */
  #finish({ head, linesFor, body }: Keeping, waiter: Waiter): void {
    if (waiter.isElsewhere) return
    if (!waiter.hasHead) waiter.begin(head, linesFor(waiter), body)
    waiter.pump()
  }

  #take(keeping: Keeping, bytes: Buffer, start: number, end: number): void {
    keeping.body.add(bytes, start, end)
    if (keeping.writer?.write(bytes, start, end) === false) {
      keeping.writer = undefined
      this.#owner.over(this) // nobody more may join
      this.#leaveBehind(keeping.body)
    }
  }

  /** Whoever was to read from the store what is not held any more. */
  #leaveBehind(body: SharedBody): void {
    const missed: Waiter[] = []
    for (const waiter of [...this.waiters]) {
      if (!body.hasLost(waiter.sent)) continue
      if (!waiter.hasHead) {
        missed.push(waiter)
        continue
      }
      this.release(waiter)
      waiter.exchange.abort()
    }
    if (missed.length > 0) this.#owner.missed(this, missed)
    if (this.waiters.size === 0 && !this.isForItself) this.cancel()
  }

  #pump(waiter: Waiter): void {
    const keeping = this.#keeping
    if (keeping === undefined || waiter.needsWhole) return
    if (!waiter.hasHead) {
      if (keeping.body.hasLost(0)) return // it is answered when the body is whole
      waiter.begin(keeping.head, keeping.linesFor(waiter), keeping.body)
    }
    waiter.pump()
  }

  /** A fault of ours must end in answers, and not in the server's connection. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      warnOfFault(error)
      const waiters = [...this.waiters]
      this.cancel()
      for (const waiter of waiters) if (!waiter.isElsewhere) fail(waiter)
    }
  }

  /** Everybody who waits is let go; whoever has a head goes on with the body. */
  #end(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#sink = undefined
    const writer = this.#keeping?.writer
    if (writer !== undefined) {
      writer.onDrain = undefined
      writer.abort()
    }
    for (const waiter of this.waiters) waiter.left()
    this.waiters.clear()
    this.leader = undefined
    this.#owner.over(this)
  }

  // It has no body, and never leaves HTTP.

  startBody(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  pauseTunnel(): void {}
  resumeTunnel(): void {}
  closeTunnel(): void {}
  sendTunnelBytes(): boolean {
    return true
  }
  upgrade(): void {
    this.abort()
  }
}

function fail({ hasHead, exchange }: Waiter): void {
  if (hasHead) exchange.abort()
  else exchange.answer({ status: 500, code: 'unavailable', message: 'the request could not be handled' })
}
