// A connection whose protocol is not known yet: its PROXY header is read, its TLS handshake is made, its first bytes tell
// HTTP/2 from HTTP/1.1. One deadline for all of it, so that nobody holds a place by being slow at the door.

import type { BlockList, Socket } from 'node:net'
import { isIPv6 } from 'node:net'
import { warnOfFault } from '../http1/fault.ts'
import { Deadline, type DeadlineOwner, type TimerWheel } from '../http1/timer-wheel.ts'
import { readProxyHeader } from '../proxy-protocol/proxy-header.ts'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import type { ServedConnection } from './served-connection.ts'

export interface OpeningSteps {
  /** The header is demanded, and these peers alone may send it. */
  proxyProtocol?: { from: BlockList } | undefined
  tls?: TlsTerminator | undefined
  /** HTTP/2 without TLS, by its first bytes (RFC 9113, 3.3). */
  servesPlainHttp2?: boolean | undefined
}

export interface Opened {
  socket: Socket
  /** Who calls, by the PROXY header where there is one. */
  address: string
  isSecure: boolean
  isHttp2: boolean
  /** What came already and is still to be read; not for sockets of HTTP/2, which have it themselves. */
  ahead: Buffer
}

export interface OpeningOwner {
  readonly wheel: TimerWheel
  /** The client's address is known. The answer is that under which it is counted from here on, or undefined: no place. */
  onAddress(address: string): string | undefined
  onOpened(opening: Opening, opened: Opened): void
  /** It ended before it was open. */
  onFailed(opening: Opening): void
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const emptyBytes: Buffer = Buffer.alloc(0)

export class Opening implements ServedConnection, DeadlineOwner {
  readonly isIdle = true
  /** Counted for this address since `onAddress`. */
  address: string | undefined
  readonly #socket: Socket
  readonly #steps: OpeningSteps
  readonly #owner: OpeningOwner
  readonly #deadline = new Deadline(this)
  readonly #onLost = () => this.#lost()
  #isSecure = false
  #isOver = false

  constructor(socket: Socket, steps: OpeningSteps, owner: OpeningOwner) {
    this.#socket = socket
    this.#steps = steps
    this.#owner = owner
  }

  start(timeoutMs: number): void {
    const socket = this.#socket
    this.#owner.wheel.set(this.#deadline, timeoutMs)
    socket.on('error', this.#onLost)
    socket.on('end', this.#onLost)
    socket.on('close', this.#onLost)
    const peer = socket.remoteAddress ?? ''
    const { proxyProtocol } = this.#steps
    this.#guarded(() => {
      if (proxyProtocol === undefined) this.#known(peer, emptyBytes)
      else if (isListed(proxyProtocol.from, peer)) this.#readProxyHeader(peer)
      else socket.destroy()
    })
  }

  onDraining(): void {}

  destroy(): void {
    this.#socket.destroy()
  }

  onDeadline(): void {
    this.#socket.destroy()
  }

  #readProxyHeader(peer: string): void {
    this.#readAhead((bytes) => {
      const header = readProxyHeader(bytes)
      if (header === 'more') return false
      if (header === 'malformed') this.#socket.destroy()
      else {
        this.#isSecure = header.isSecure
        this.#known(header.source?.address ?? peer, bytes.subarray(header.bytes))
      }
      return true
    })
  }

  #known(address: string, ahead: Buffer): void {
    this.address = this.#owner.onAddress(address)
    if (this.address === undefined) {
      this.#socket.destroy()
      return
    }
    const { tls, servesPlainHttp2 } = this.#steps
    if (tls !== undefined) this.#secure(tls, ahead)
    else if (servesPlainHttp2) this.#tellProtocol(ahead)
    else this.#opened({ socket: this.#socket, isHttp2: false, ahead })
  }

  #secure(tls: TlsTerminator, ahead: Buffer): void {
    const socket = this.#socket
    this.#isSecure = true
    // The handshake sees the end of the connection by itself.
    socket.off('end', this.#onLost)
    if (ahead.length > 0) socket.unshift(ahead)
    tls.secure(socket, (secured) => {
      this.#guarded(() => this.#opened({ socket: secured, isHttp2: secured.alpnProtocol === 'h2', ahead: emptyBytes }))
    })
  }

  #tellProtocol(ahead: Buffer): void {
    const decide = (bytes: Buffer): boolean => {
      const size = Math.min(bytes.length, preface.length)
      const isPreface = bytes.compare(preface, 0, size, 0, size) === 0
      if (isPreface && size < preface.length) return false
      if (isPreface) this.#socket.unshift(bytes)
      this.#opened({ socket: this.#socket, isHttp2: isPreface, ahead: isPreface ? emptyBytes : bytes })
      return true
    }
    if (ahead.length === 0 || !decide(ahead)) this.#readAhead(decide, ahead)
  }

  /** Reads until `take` has seen enough. What it is given is bounded by what it takes to know. */
  #readAhead(take: (bytes: Buffer) => boolean, before: Buffer = emptyBytes): void {
    const socket = this.#socket
    let bytes = before
    const onData = (piece: Buffer) => {
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece])
      if (this.#isOver) return
      socket.off('data', onData)
      socket.pause()
      this.#guarded(() => {
        if (take(bytes)) return
        socket.on('data', onData)
        socket.resume()
      })
    }
    socket.on('data', onData)
    socket.resume()
  }

  /** A fault costs the connection that it happened on. */
  #guarded(call: () => void): void {
    try {
      call()
    } catch (error) {
      warnOfFault(error)
      this.#socket.destroy()
    }
  }

  #opened({ socket, isHttp2, ahead }: Pick<Opened, 'socket' | 'isHttp2' | 'ahead'>): void {
    if (this.#isOver) return
    this.#leave()
    this.#owner.onOpened(this, { socket, isHttp2, ahead, isSecure: this.#isSecure, address: this.address as string })
  }

  #lost(): void {
    if (this.#isOver) return
    this.#leave()
    this.#socket.destroy()
    this.#owner.onFailed(this)
  }

  #leave(): void {
    const socket = this.#socket
    this.#isOver = true
    this.#owner.wheel.remove(this.#deadline)
    socket.off('end', this.#onLost)
    socket.off('close', this.#onLost)
    // An error that comes now is told to whoever has the socket, or to nobody.
    socket.on('error', () => socket.destroy())
    socket.off('error', this.#onLost)
  }
}

function isListed(list: BlockList, address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}
