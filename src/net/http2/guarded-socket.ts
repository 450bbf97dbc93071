// A socket whose incoming frames are looked at before the session gets them. Costs about a tenth of a small request, which
// is what every frame that nghttp2 would forgive, or count too late, is worth here.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { FrameFault, FrameGuard } from './frame-guard.ts'

export class GuardedSocket extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket, guard: FrameGuard, onFault: (fault: FrameFault) => void) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    socket.on('data', (piece: Buffer) => {
      if (guard.fault !== undefined) return
      const passed = guard.take(piece)
      if (passed.length > 0 && !this.push(passed)) socket.pause()
      if (guard.fault !== undefined) onFault(guard.fault)
    })
    socket.on('end', () => this.push(null))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.destroy())
  }

  /** A frame that the session does not know of. It writes whole frames only, so it goes between two of them. */
  sendFrame(frame: Buffer): void {
    if (this.#socket.writable) this.#socket.write(frame)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done)
  }

  override _writev(pieces: Array<{ chunk: Buffer }>, done: (error?: Error | null) => void): void {
    this.#socket.cork()
    for (const [i, { chunk }] of pieces.entries()) this.#socket.write(chunk, i + 1 === pieces.length ? done : undefined)
    this.#socket.uncork()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  /** What was written, a last GOAWAY above all, still goes out; who owns the socket bounds the time for that. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroySoon()
    done(error)
  }
}
