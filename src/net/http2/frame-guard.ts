// Watches the frames of a client before nghttp2 sees them, by their 9 bytes of head (RFC 9113, 4.1). It holds the client to
// what nghttp2 lets pass: frames on streams that the client itself has ended, PRIORITY where there is no stream, answers to
// PINGs that nobody sent; and it meters the frames that cost us more than they cost the client.
//
// Worked example: `00 00 08 06 00 00 00 00 00` is the head of a PING: 8 bytes of payload, kind 6, no flags, stream 0.

import { constants } from 'node:http2'
import { FloodMeter } from './flood-meter.ts'
import type { Http2Limits } from './limits.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_STREAM_CLOSED } = constants

/** Why the connection must end, in the protocol's own numbers (RFC 9113, 7). */
export interface FrameFault {
  code: number
  reason: string
}

// Kinds of frames (RFC 9113, 6).
const data = 0
const headers = 1
const priority = 2
const rstStream = 3
const settings = 4
const ping = 6
const continuation = 9

const ackFlag = 1
const endStreamFlag = 1

const prefaceBytes = 24
const headBytes = 9
/** Streams that we closed while the client was sending: what was on its way is no fault. */
const stoppedMax = 256
/** Frames that one field section may be spread over; ours is two times the usual frame size (CVE-2024-27983). */
const continuationsMax = 8

const emptyBytes: Buffer = Buffer.alloc(0)

export class FrameGuard {
  /** Set when the connection must end. */
  fault: FrameFault | undefined
  readonly #meter: FloodMeter
  readonly #clock: () => number
  /** Streams on which the client may still send. */
  readonly #sending = new Set<number>()
  readonly #stopped = new Set<number>()
  #highest = 0
  #pingsSent = 0
  #continuations = 0
  /** Of the preface or a payload that is passed on unseen. */
  #left = prefaceBytes
  #isDropped = false
  /** A head that has not come whole. */
  #held = emptyBytes

  constructor(limits: Pick<Http2Limits, 'controlFramesBurst' | 'controlFramesPerSecond'>, clock: () => number) {
    this.#meter = new FloodMeter(limits.controlFramesBurst, limits.controlFramesPerSecond)
    this.#clock = clock
  }

  /** We sent a PING: one answer to it may come. */
  pingSent(): void {
    this.#pingsSent++
  }

  /** The stream has closed on our side. */
  closed(stream: number): void {
    if (!this.#sending.delete(stream)) return
    this.#stopped.add(stream)
    if (this.#stopped.size <= stoppedMax) return
    const [oldest] = this.#stopped
    if (oldest !== undefined) this.#stopped.delete(oldest)
  }

  /** Looks at what has come. The answer is what may be passed on; nothing more may be once there is a fault. */
  take(piece: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece])
    this.#held = emptyBytes
    const kept: Buffer[] = []
    let from = 0
    let at = 0
    while (at < bytes.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
        if (this.#isDropped) from = at
        continue
      }
      this.#isDropped = false
      const size = sizeToKnow(bytes, at)
      if (bytes.length - at < size) {
        this.#held = Buffer.from(bytes.subarray(at))
        break
      }
      this.#left = bytes.readUIntBE(at, 3) + headBytes
      this.#isDropped = this.#isUnasked(bytes, at)
      this.fault = this.#judge(bytes, at)
      if (this.fault !== undefined) break
      if (this.#isDropped && at > from) kept.push(bytes.subarray(from, at))
    }
    if (this.#isDropped && this.fault === undefined) from = at
    if (from === 0 && at === bytes.length) return bytes
    if (at > from) kept.push(bytes.subarray(from, at))
    return Buffer.concat(kept)
  }

  #judge(bytes: Buffer, at: number): FrameFault | undefined {
    const kind = bytes[at + 3]
    const flags = bytes[at + 4] as number
    const stream = bytes.readUInt32BE(at + 5) & 0x7f_ff_ff_ff
    if (kind === continuation) return ++this.#continuations > continuationsMax ? flood('CONTINUATION') : undefined
    switch (kind) {
      case headers:
        this.#continuations = 0
        return this.#onHeaders(stream, flags)
      case data:
        if (!this.#maySend(stream)) return stream > this.#highest ? undefined : closedStream('DATA')
        if ((flags & endStreamFlag) !== 0) this.#ended(stream)
        else if (bytes.readUIntBE(at, 3) === 0) return this.#count('empty DATA')
        return undefined
      case rstStream:
        this.#ended(stream)
        return undefined
      case priority:
        if (stream === 0 || dependsOnItself(bytes, at, stream))
          return { code: NGHTTP2_PROTOCOL_ERROR, reason: 'PRIORITY names no stream, or itself' }
        return this.#count('PRIORITY')
      case settings:
        return (flags & ackFlag) === 0 ? this.#count('SETTINGS') : undefined
      case ping:
        return (flags & ackFlag) === 0 || this.#isDropped ? this.#count('PING') : undefined
    }
    return undefined
  }

  #onHeaders(stream: number, flags: number): FrameFault | undefined {
    const isEnd = (flags & endStreamFlag) !== 0
    if (stream > this.#highest) {
      this.#highest = stream
      if (!isEnd) this.#sending.add(stream)
      return undefined
    }
    // Trailers, or a stream that was never opened and never can be (RFC 9113, 5.1.1).
    if (!this.#maySend(stream)) return closedStream('HEADERS')
    if (isEnd) this.#ended(stream)
    return undefined
  }

  /** An answer to a PING of ours that we did not send is left out: node ends the connection where the protocol has no error. */
  #isUnasked(bytes: Buffer, at: number): boolean {
    if (bytes[at + 3] !== ping || ((bytes[at + 4] as number) & ackFlag) === 0 || bytes.readUIntBE(at, 3) !== 8)
      return false
    if (this.#pingsSent === 0) return true
    this.#pingsSent--
    return false
  }

  #maySend(stream: number): boolean {
    return this.#sending.has(stream) || this.#stopped.has(stream)
  }

  #ended(stream: number): void {
    this.#sending.delete(stream)
    this.#stopped.delete(stream)
  }

  #count(what: string): FrameFault | undefined {
    return this.#meter.isFlood(this.#clock()) ? flood(what) : undefined
  }
}

/** As much of a frame as must be there to judge it. */
function sizeToKnow(bytes: Buffer, at: number): number {
  const isPriority = bytes.length - at > 3 && bytes[at + 3] === priority && bytes.readUIntBE(at, 3) >= 4
  return isPriority ? headBytes + 4 : headBytes
}

/** RFC 7540, 5.3.1; RFC 9113 has dropped the tree, and nobody needs such a frame. */
function dependsOnItself(bytes: Buffer, at: number, stream: number): boolean {
  return bytes.readUIntBE(at, 3) >= 4 && (bytes.readUInt32BE(at + headBytes) & 0x7f_ff_ff_ff) === stream
}

function closedStream(what: string): FrameFault {
  return { code: NGHTTP2_STREAM_CLOSED, reason: `${what} on a stream that the client has ended` }
}

function flood(what: string): FrameFault {
  return { code: NGHTTP2_ENHANCE_YOUR_CALM, reason: `too many frames: ${what}` }
}
