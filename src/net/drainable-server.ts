// An HTTP server that can leave without failing anybody: it stops accepting, keeps idle connections open, and says
// `Connection: close` with the next answer on each. Closing idle connections under clients, as http.Server.close does,
// is how reloads lose requests: a request may be on its way already.

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { TenfoldError } from '../base/errors.ts'
import { answerClientError } from './client-error.ts'
import { LatencyWindow } from './latency-window.ts'
import type { ServerCounts } from './server-counts.ts'
import { type DrainableServerLimits, defaultServerLimits } from './server-limits.ts'

export type ListenOn = { fd: number } | { address: string; port: number }

export interface UpgradeHook {
  /** Which requests with an Upgrade header it takes; the others are served as if the header were not there. */
  wants(request: IncomingMessage): boolean
  /** Owns the socket from here on. The server still counts it, and ends it when a drain is over. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export interface DrainableServerOptions extends Partial<DrainableServerLimits> {
  onUpgrade?: UpgradeHook
  /** Asked to send the body by a client that waits for `100 Continue`. Left out, it is told so at once. */
  onCheckContinue?: RequestListener
  clock?: Clock
}

export interface DrainOptions {
  /** Nobody answers after this server: kept connections need not wait for a last request. */
  closesIdle?: boolean
}

export class DrainableServer {
  /** For libraries that want the node server itself. Never call its `close`: that is `stopAccepting` and `drain` here. */
  readonly server: Server
  readonly #limits: DrainableServerLimits
  readonly #clock: Clock
  readonly #sockets = new Set<Socket>()
  readonly #answering = new Set<ServerResponse>()
  #onEmpty: Array<() => void> = []
  readonly #latency: LatencyWindow
  #answered = 0
  #failed = 0
  #isDraining = false

  constructor(
    listener: RequestListener,
    { onUpgrade, onCheckContinue, clock, ...limits }: DrainableServerOptions = {},
  ) {
    this.#limits = { ...defaultServerLimits, ...limits }
    this.#clock = clock ?? systemClock
    this.#latency = new LatencyWindow(this.#clock)
    this.server = createServer(nodeOptions(this.#limits, onUpgrade))
    this.server.maxHeadersCount = 0 // node drops the headers beyond it in silence; headerBytesMax bounds them
    this.server.maxConnections = this.#limits.connectionsMax
    this.server.setTimeout(this.#limits.idleTimeoutMs)
    this.server.on('connection', (socket) => this.#hold(socket))
    this.server.on('request', (request, response) => this.#serve(listener, request, response))
    this.server.on('checkContinue', (request, response) => {
      if (!onCheckContinue) response.writeContinue()
      this.#serve(onCheckContinue ?? listener, request, response)
    })
    this.server.on('clientError', (error, socket) => answerClientError(error, socket as Socket, this.#answering))
    if (onUpgrade) this.server.on('upgrade', (request, socket, head) => onUpgrade.take(request, socket, head))
  }

  /**
   * Resolves when connections are accepted. Once only. With `fd`, the descriptor becomes the server's own.
   * @throws port-taken when another process listens there; bad-input for an address that is not ours or a bad descriptor.
   */
  listen(on: ListenOn): Promise<void> {
    const { backlog } = this.#limits
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException) => reject(listenError(error, on))
      this.server.once('error', refuse)
      this.server.listen('fd' in on ? { fd: on.fd, backlog } : { host: on.address, port: on.port, backlog }, () => {
        this.server.off('error', refuse)
        // A failed accept (no descriptors left) is the kernel's to repeat; it must not end the process.
        this.server.on('error', () => {})
        resolve()
      })
    })
  }

  /** Where it listens. Undefined before `listen` and after `stopAccepting`. */
  address(): { address: string; port: number } | undefined {
    const bound = this.server.address() as AddressInfo | string | null
    if (bound === null || typeof bound === 'string') return undefined
    return { address: bound.address, port: bound.port }
  }

  /** Requests whose answer is not finished. */
  get inFlight(): number {
    return this.#answering.size
  }

  get counts(): ServerCounts {
    return { requests: this.#answered, errors: this.#failed, p99Ms: this.#latency.quantile(0.99) }
  }

  /** Open connections, idle and upgraded ones too. */
  get connections(): number {
    return this.#sockets.size
  }

  /** True while new connections are accepted. */
  get isAccepting(): boolean {
    return this.server.listening
  }

  /**
   * Closes the listening descriptor of this process, and nothing else. Where it is shared with other processes it
   * stays open for them, and whoever connects is accepted there. May be called twice.
   */
  stopAccepting(): void {
    this.#isDraining = true
    for (const response of this.#answering) closeAfter(response)
    // Not http.Server.close: that also closes idle connections.
    if (this.server.listening) NetServer.prototype.close.call(this.server)
  }

  /**
   * Stops accepting and resolves when no connection is left; after `drainMs` it closes the idle ones, then the rest.
   * May be called twice: the shorter drain wins.
   */
  async drain(drainMs: number, { closesIdle = false }: DrainOptions = {}): Promise<void> {
    this.stopAccepting()
    if (closesIdle) this.server.closeIdleConnections()
    const emptied = this.#untilEmpty()
    const isEmpty = new AbortController()
    void emptied.then(() => isEmpty.abort())
    await this.#clock.sleep(drainMs, isEmpty.signal)
    this.server.closeIdleConnections()
    for (const socket of this.#sockets) socket.destroy()
    await emptied
    this.server.close(() => {}) // ends node's own timer that looks for slow requests
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) for (const tell of this.#onEmpty.splice(0)) tell()
    })
  }

  #untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#sockets.size === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }

  #serve(listener: RequestListener, request: IncomingMessage, response: ServerResponse): void {
    this.#answering.add(response)
    const startMs = this.#clock.monotonic()
    response.once('close', () => {
      this.#answering.delete(response)
      this.#latency.record(this.#clock.monotonic() - startMs)
      this.#answered++
      if (response.statusCode >= 500) this.#failed++
    })
    if (this.#isDraining) closeAfter(response)
    listener(request, response)
  }
}

/** Node writes `Connection: close` and ends the connection after this answer. Too late once its head is sent. */
function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.shouldKeepAlive = false
}

function nodeOptions(limits: DrainableServerLimits, onUpgrade: UpgradeHook | undefined): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    insecureHTTPParser: false,
    shouldUpgradeCallback: (request) => onUpgrade?.wants(request) ?? false,
  }
}

export function listenError(error: NodeJS.ErrnoException, on: ListenOn): TenfoldError {
  const where = 'fd' in on ? `the inherited socket ${on.fd}` : `${on.address}:${on.port}`
  if (error.code === 'EADDRINUSE')
    return new TenfoldError(
      'port-taken',
      `${where} is in use by another process; stop it, or choose another --port-base`,
      {
        cause: error,
        details: { ...on },
      },
    )
  return new TenfoldError('bad-input', `cannot listen on ${where}: ${error.code ?? error.message}`, {
    cause: error,
    details: { ...on },
  })
}
