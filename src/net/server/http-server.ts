// The one server of a front: HTTP/1.1 and HTTP/2, with TLS or without, behind a balancer that speaks the PROXY protocol or
// not, all answered by one handler.
//
// It can leave without failing anybody: it stops accepting, keeps idle connections of HTTP/1.1 and says `Connection: close`
// with the next answer on each, asks those of HTTP/2 to go (GOAWAY) and finishes their streams, and only when the drain is
// over ends what is left. Closing idle connections under clients is how reloads lose requests.

import { type AddressInfo, type BlockList, createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../base/clock.ts'
import { type ListenOn, listenError } from '../drainable-server.ts'
import { ClientOrigin } from '../http1/client-origin.ts'
import type { ConnectionContext } from '../http1/connection-context.ts'
import { Counters, counters } from '../http1/counters.ts'
import type { Handler } from '../http1/exchange.ts'
import { adoptAccepted, adoptStream } from '../http1/fast-socket.ts'
import { warnOfFault } from '../http1/fault.ts'
import { defaultServerLimits, type ServerLimits } from '../http1/limits.ts'
import { ServerConnection } from '../http1/server-connection.ts'
import { TimerWheel } from '../http1/timer-wheel.ts'
import { Http2Connection } from '../http2/connection.ts'
import { defaultHttp2Limits, type Http2Limits } from '../http2/limits.ts'
import { type TlsOptions, TlsTerminator } from '../tls/tls-terminator.ts'
import { ConnectionCaps } from './connection-caps.ts'
import { type Opened, Opening, type OpeningOwner, type OpeningSteps } from './opening.ts'
import { RateLimited } from './rate-limited.ts'
import type { RequestRate } from './request-rate.ts'
import type { ServedConnection } from './served-connection.ts'

export interface HttpServerOptions {
  limits?: Partial<ServerLimits> | undefined
  http2?: Partial<Http2Limits> | undefined
  /** Peers whose X-Forwarded-* and Forwarded fields are believed, and who are not limited by address. */
  trustedPeers?: BlockList | undefined
  /** Requests beyond it are answered 429. One object for all listeners that shall count together. */
  rate?: RequestRate | undefined
  /** Given where several listeners shall count together; else made of the limits. */
  caps?: ConnectionCaps | undefined
  wheel?: TimerWheel | undefined
  counts?: Counters | undefined
  clock?: Clock | undefined
}

/** What is spoken on a listener. Without any of it: HTTP/1.1. */
export interface ListenOptions {
  /** TLS alone; HTTP/2 and HTTP/1.1 as the client prefers (ALPN). */
  tls?: TlsOptions | undefined
  /** Each connection must begin with a PROXY header, and come from one of these. */
  proxyProtocol?: { from: BlockList } | undefined
  /** Without TLS: HTTP/2 to clients that begin with it (prior knowledge), beside HTTP/1.1. */
  servesPlainHttp2?: boolean | undefined
}

export class HttpServer implements ConnectionContext, OpeningOwner {
  readonly handler: Handler
  readonly limits: ServerLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  isDraining = false
  readonly #http2: Http2Limits
  readonly #server: Server
  readonly #clock: Clock
  readonly #trustedPeers: BlockList | undefined
  readonly #caps: ConnectionCaps
  readonly #connections = new Set<ServedConnection>()
  #steps: OpeningSteps | undefined
  #onEmpty: Array<() => void> = []

  constructor(handler: Handler, options: HttpServerOptions = {}) {
    this.limits = { ...defaultServerLimits, ...options.limits }
    this.wheel = options.wheel ?? new TimerWheel()
    this.counts = options.counts ?? new Counters()
    this.handler = options.rate === undefined ? handler : new RateLimited(handler, options.rate, this.counts)
    this.#http2 = { ...defaultHttp2Limits, ...options.http2 }
    this.#clock = options.clock ?? systemClock
    this.#trustedPeers = options.trustedPeers
    this.#caps = options.caps ?? new ConnectionCaps(this.limits)
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true })
    this.#server.on('connection', (socket) => this.#accept(socket))
  }

  /**
   * Once only. With `fd`, the descriptor becomes the server's own.
   * @throws port-taken when another process listens there; bad-input for an address that is not ours or a bad descriptor.
   */
  listen(on: ListenOn, { tls, proxyProtocol, servesPlainHttp2 }: ListenOptions = {}): Promise<void> {
    const { backlog } = this.limits
    if (tls || proxyProtocol || servesPlainHttp2)
      this.#steps = { tls: tls && new TlsTerminator(tls), proxyProtocol, servesPlainHttp2 }
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException) => reject(listenError(error, on))
      this.#server.once('error', refuse)
      this.#server.listen('fd' in on ? { fd: on.fd, backlog } : { host: on.address, port: on.port, backlog }, () => {
        this.#server.off('error', refuse)
        // A failed accept (no descriptors left) is the kernel's to repeat; it must not end the process.
        this.#server.on('error', () => {})
        resolve()
      })
    })
  }

  /** Where it listens. Undefined before `listen` and after `stopAccepting`. */
  address(): { address: string; port: number } | undefined {
    const bound = this.#server.address() as AddressInfo | string | null
    if (bound === null || typeof bound === 'string') return undefined
    return { address: bound.address, port: bound.port }
  }

  /** Open connections: idle ones, upgraded ones, and those in their handshake too. */
  get connections(): number {
    return this.#connections.size
  }

  get inFlight(): number {
    return this.counts.get('requestsInFlight')
  }

  get isAccepting(): boolean {
    return this.#server.listening
  }

  /** Serves a connection that somebody else accepted: TLS, or one that was handed over. */
  adopt(socket: Socket): void {
    const address = socket.remoteAddress ?? 'unknown'
    if (socket.destroyed || !this.#admit(socket)) return
    const origin = this.#admitAddress(address, { isSecure: 'encrypted' in socket, isHttp2: isHttp2(socket) })
    if (origin === undefined) this.#refuse(socket)
    else this.#serve(socket, origin, undefined)
  }

  /** Closes the listening descriptor of this process, and nothing else; connections are told to go. May be called twice. */
  stopAccepting(): void {
    this.isDraining = true
    if (this.#server.listening) this.#server.close()
    this.#steps?.tls?.close()
    for (const connection of this.#connections) connection.onDraining()
  }

  /**
   * Stops accepting and resolves when no connection is left; after `drainMs` it ends the rest. May be called twice: the
   * shorter drain wins. `closesIdle`: nobody answers after this server, so kept connections need not wait for a request.
   */
  async drain(drainMs: number, { closesIdle = false }: { closesIdle?: boolean } = {}): Promise<void> {
    this.stopAccepting()
    if (closesIdle) for (const connection of this.#connections) if (connection.isIdle) connection.destroy()
    const emptied = this.#untilEmpty()
    const isEmpty = new AbortController()
    void emptied.then(() => isEmpty.abort())
    await this.#clock.sleep(drainMs, isEmpty.signal)
    for (const connection of this.#connections) connection.destroy()
    await emptied
  }

  // What its connections tell.

  forget(connection: ServedConnection & { readonly origin: ClientOrigin }): void {
    if (!this.#connections.delete(connection)) return
    this.#caps.releaseAddress(connection.origin.address)
    this.#left()
  }

  onAddress(address: string): string | undefined {
    return this.#admitAddress(address, { isSecure: false, isHttp2: false })?.address
  }

  onOpened(opening: Opening, { socket, address, isSecure, isHttp2, ahead }: Opened): void {
    this.#connections.delete(opening)
    const origin = new ClientOrigin(address, { isSecure, isHttp2, trustedPeers: this.#trustedPeers })
    this.#serve(socket, origin, ahead)
  }

  onFailed(opening: Opening): void {
    this.#connections.delete(opening)
    this.counts.add(counters.openingsFailed)
    if (opening.address !== undefined) this.#caps.releaseAddress(opening.address)
    this.#left()
  }

  // How they come.

  #accept(socket: Socket): void {
    const address = socket.remoteAddress
    // Gone before it was accepted.
    if (address === undefined) socket.destroy()
    else if (this.#admit(socket)) this.#open(socket, address)
  }

  #open(socket: Socket, address: string): void {
    if (this.#steps !== undefined) {
      const opening = new Opening(socket, this.#steps, this)
      this.#connections.add(opening)
      opening.start(this.limits.headersTimeoutMs)
      return
    }
    const origin = this.#admitAddress(address, { isSecure: false, isHttp2: false })
    if (origin === undefined) this.#refuse(socket)
    else this.#serve(socket, origin, undefined)
  }

  #admit(socket: Socket): boolean {
    if (!this.#caps.take()) {
      this.counts.add(counters.connectionsRefused)
      socket.destroy()
      return false
    }
    this.counts.add(counters.connectionsAccepted)
    this.counts.add(counters.connectionsOpen)
    return true
  }

  /** Undefined when there are too many connections from there. */
  #admitAddress(address: string, what: { isSecure: boolean; isHttp2: boolean }): ClientOrigin | undefined {
    const origin = new ClientOrigin(address, { ...what, trustedPeers: this.#trustedPeers })
    if (this.#caps.takeAddress(origin.address, { isExempt: origin.isTrusted })) return origin
    this.counts.add(counters.connectionsRefused)
    return undefined
  }

  #refuse(socket: Socket): void {
    socket.destroy()
    this.#left()
  }

  /** A fault costs the connection, and gives its place back. */
  #serve(socket: Socket, origin: ClientOrigin, ahead: Buffer | undefined): void {
    try {
      this.#begin(socket, origin, ahead)
    } catch (error) {
      warnOfFault(error)
      this.#caps.releaseAddress(origin.address)
      this.#refuse(socket)
    }
  }

  #begin(socket: Socket, origin: ClientOrigin, ahead: Buffer | undefined): void {
    if (origin.isHttp2) {
      this.#connections.add(new Http2Connection(socket, origin, { context: this, limits: this.#http2 }))
      return
    }
    const adopt = 'encrypted' in socket ? adoptStream : adoptAccepted
    adopt(socket, (own) => {
      const connection = new ServerConnection(own, origin, this)
      this.#connections.add(connection)
      // Read once the socket's own events are listened to.
      if (ahead !== undefined && ahead.length > 0) queueMicrotask(() => feed(connection, ahead))
      return connection
    })
  }

  #left(): void {
    this.counts.add(counters.connectionsOpen, -1)
    this.#caps.release()
    if (this.#connections.size === 0) for (const tell of this.#onEmpty.splice(0)) tell()
  }

  #untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#connections.size === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }
}

function feed(connection: ServerConnection, bytes: Buffer): void {
  try {
    connection.onBytes(bytes, 0, bytes.length)
  } catch (error) {
    warnOfFault(error)
    connection.destroy()
  }
}

function isHttp2(socket: Socket): boolean {
  return 'alpnProtocol' in socket && socket.alpnProtocol === 'h2'
}
