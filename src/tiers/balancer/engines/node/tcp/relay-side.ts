// One of the two connections of a relay. What comes in on it goes out on the other one, at the pace of the slower; its end is
// the end of that direction alone.

import type { Socket } from 'node:net'
import type { SocketReader } from '../../../../../net/http1/fast-socket.ts'
import { claimOut, flushOut } from '../../../../../net/http1/shared-out.ts'

export interface RelaySides {
  onConnected(side: RelaySide): void
  onFailed(side: RelaySide, error: NodeJS.ErrnoException): void
  /** It sends no more. */
  onEnded(side: RelaySide): void
  onClosed(side: RelaySide): void
}

export class RelaySide implements SocketReader {
  /** Set before anything is told of it. */
  socket!: Socket
  readonly #relay: RelaySides
  #other: RelaySide | undefined
  /** The other side takes bytes more slowly than they come. */
  #isHeld = false

  constructor(relay: RelaySides) {
    this.#relay = relay
  }

  join(other: RelaySide): void {
    this.#other = other
  }

  onConnect(): void {
    this.#relay.onConnected(this)
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    const other = this.#other
    if (other === undefined) return
    claimOut(other).put(bytes, start, end)
    if (other.flush()) return
    this.#isHeld = true
    this.socket.pause()
  }

  /** False when the socket holds more than it should. */
  flush(): boolean {
    return this.socket.destroyed || flushOut(this, this.socket)
  }

  onEnd(): void {
    this.#other?.socket.end()
    this.#relay.onEnded(this)
  }

  onDrain(): void {
    this.#other?.release()
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.socket.resume()
  }

  onError(error: NodeJS.ErrnoException): void {
    this.#relay.onFailed(this, error)
  }

  onClose(): void {
    this.#relay.onClosed(this)
  }

  /**
   * As one that breaks: what was passed on must not look whole. Where its end is on its way, it is whole; and libuv refuses to
   * reset a socket that is shutting down, so that node would leave it open for ever.
   */
  reset(): void {
    const { socket } = this
    if (socket.connecting) socket.destroy()
    else if (socket.writableEnded && !socket.writableFinished) socket.destroySoon()
    else if (!socket.destroyed) socket.resetAndDestroy()
  }
}
