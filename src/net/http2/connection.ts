// One connection of HTTP/2: its streams become exchanges, its client is held to the limits, and it leaves gently. The protocol
// itself is nghttp2's, by node:http2.
//
// How it leaves (RFC 9113, 6.8): a first GOAWAY names no last stream and asks for no new ones, so that requests that are on
// their way are still served; when the client has answered a PING behind it, a second one names the last stream that was. The
// connection closes when no stream is open. So no request is lost, and none is in doubt.

import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { TenfoldError } from '../../base/errors.ts'
import { ByteWriter } from '../http1/byte-writer.ts'
import type { ClientOrigin } from '../http1/client-origin.ts'
import type { ConnectionContext } from '../http1/connection-context.ts'
import { counters } from '../http1/counters.ts'
import { Deadline, type DeadlineOwner } from '../http1/timer-wheel.ts'
import type { ServedConnection } from '../server/served-connection.ts'
import { FloodMeter } from './flood-meter.ts'
import { type FrameFault, FrameGuard } from './frame-guard.ts'
import { GuardedSocket } from './guarded-socket.ts'
import type { Http2Limits } from './limits.ts'
import { type RawFields, writeRequestText } from './request-text.ts'
import { StreamExchange, type StreamOwner } from './stream-exchange.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR } = constants
const highestStreamId = 2 ** 31 - 1
const abandonedTooOften = { code: NGHTTP2_ENHANCE_YOUR_CALM, reason: 'requests are given up too often' }

/** Heads of all connections are written here one after the other; whoever needs one longer than its call copies it. */
const head = new ByteWriter(4096)

/** Fields above the limit that a request may have and still be answered 431; with more its stream is reset. */
const fieldsBeyondMax = 64

/** Exchanges that a connection keeps for its next streams. */
const spareExchangesMax = 16

export class Http2Connection implements ServedConnection, StreamOwner, DeadlineOwner {
  readonly origin: ClientOrigin
  readonly context: ConnectionContext
  readonly #socket: Socket
  readonly #guarded: GuardedSocket
  readonly #session: ServerHttp2Session
  readonly #deadline = new Deadline(this)
  readonly #abandoned: FloodMeter
  readonly #guard: FrameGuard
  readonly #spare: StreamExchange[] = []
  #streams = 0
  #requests = 0
  #isDraining = false
  #isClosed = false

  constructor(
    socket: Socket,
    origin: ClientOrigin,
    { context, limits }: { context: ConnectionContext; limits: Http2Limits },
  ) {
    this.origin = origin
    this.context = context
    this.#abandoned = new FloodMeter(limits.abandonedBurst, limits.abandonedPerSecond)
    this.#guard = new FrameGuard(limits, () => context.wheel.nowMs)
    this.#socket = socket
    this.#guarded = new GuardedSocket(socket, this.#guard, (fault) => this.#end(fault))
    this.#session = performServerHandshake(this.#guarded as unknown as Socket, sessionOptions(limits, context))
    this.#listen()
    context.counts.add(counters.http2Connections)
    context.wheel.set(this.#deadline, context.limits.headersTimeoutMs)
    if (context.isDraining) this.onDraining()
  }

  get isIdle(): boolean {
    return this.#streams === 0
  }

  onDraining(): void {
    const session = this.#session
    if (this.#isDraining || session.destroyed) return
    this.#isDraining = true
    // Our SETTINGS must be the first frame; the client's answer to them shows that they are out.
    if (session.pendingSettingsAck) session.once('localSettings', () => this.#askToLeave())
    else this.#askToLeave()
    this.#arm()
  }

  #askToLeave(): void {
    if (this.#session.destroyed) return
    this.#guarded.sendFrame(goaway(NGHTTP2_NO_ERROR, highestStreamId))
    this.#guard.pingSent()
    const isAsked = this.#session.ping(() => this.#session.close())
    if (!isAsked) this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
    this.#socket.destroy()
  }

  /** Silence between requests, or a client that does not leave when it is asked to. */
  onDeadline(): void {
    if (this.#session.destroyed) this.#socket.destroy()
    else if (this.#streams > 0) return
    else if (this.#isDraining || this.#requests === 0) this.destroy()
    else this.onDraining()
  }

  onStreamClosed(exchange: StreamExchange, wasAbandoned: boolean): void {
    this.#streams--
    if (this.#spare.length < spareExchangesMax) this.#spare.push(exchange)
    if (this.#isClosed) return
    if (wasAbandoned && this.#abandoned.isFlood(this.context.wheel.nowMs)) this.#end(abandonedTooOften)
    else if (this.#streams === 0) this.#arm()
  }

  #listen(): void {
    const session = this.#session
    session.on('stream', (stream, _fields, flags, raw) => {
      this.#begin(stream, raw as unknown as RawFields, (flags & NGHTTP2_FLAG_END_STREAM) === 0)
    })
    session.on('error', () => {}) // `close` follows
    // Its last bytes have their time.
    session.on('close', () => this.#arm())
    this.#socket.once('close', () => this.#closed())
  }

  #begin(stream: ServerHttp2Stream, fields: RawFields, hasBody: boolean): void {
    const { wheel, limits } = this.context
    this.#streams++
    this.#requests++
    wheel.clear(this.#deadline)
    head.size = 0
    const refusal = writeRequestText(head, fields, { hasBody })
    const { id } = stream
    if (hasBody && id !== undefined) stream.once('close', () => this.#guard.closed(id))
    const exchange = this.#spare.pop() ?? new StreamExchange(this)
    exchange.begin(stream, refusal ?? head.view(), { hasBody })
    if (this.#requests >= limits.requestsPerConnectionMax) this.onDraining()
  }

  #arm(): void {
    const { wheel, limits } = this.context
    if (this.#isClosed || this.#streams > 0) return
    const isLeaving = this.#isDraining || this.#session.destroyed
    wheel.set(this.#deadline, isLeaving ? limits.lingerMs : limits.keepAliveTimeoutMs)
  }

  #end({ code, reason }: FrameFault): void {
    if (this.#session.destroyed) return
    if (code === NGHTTP2_ENHANCE_YOUR_CALM) this.context.counts.add(counters.floods)
    const { lastProcStreamID = 0 } = this.#session.state
    this.#guarded.sendFrame(goaway(code, lastProcStreamID))
    this.#session.destroy(new TenfoldError('bad-input', reason), code)
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.context.wheel.remove(this.#deadline)
    this.context.forget(this)
  }
}

/**
 * GOAWAY, written by us (RFC 9113, 6.8): nghttp2 takes no more requests as soon as it has sent one itself, whatever that
 * says, and a session that is destroyed while it writes sends none.
 */
function goaway(code: number, lastStreamId: number): Buffer {
  const frame = Buffer.from('0000080700000000000000000000000000', 'hex')
  frame.writeUInt32BE(lastStreamId, 9)
  frame.writeUInt32BE(code, 13)
  return frame
}

function sessionOptions(limits: Http2Limits, { limits: { headerFieldsMax } }: ConnectionContext) {
  return {
    maxSessionMemory: limits.connectionMegabytesMax,
    maxHeaderListPairs: headerFieldsMax + fieldsBeyondMax,
    maxSettings: 32,
    maxSessionInvalidFrames: limits.invalidFramesMax,
    maxSessionRejectedStreams: limits.rejectedStreamsMax,
    streamResetBurst: limits.abandonedBurst,
    streamResetRate: limits.abandonedPerSecond,
    strictSingleValueFields: false, // what a server says twice is passed on twice
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      initialWindowSize: limits.streamWindowBytes,
      maxHeaderListSize: limits.headerListBytesMax,
      headerTableSize: limits.headerTableBytes,
      enablePush: false,
      enableConnectProtocol: false,
    },
  }
}
