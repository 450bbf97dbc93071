// A listening server of HTTP/1.1 that can leave without failing anybody: it stops accepting, keeps idle connections, says
// `Connection: close` with the next answer on each, and only when the drain is over ends what is left. Closing idle
// connections under clients is how reloads lose requests.

import { type AddressInfo, type BlockList, createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../base/clock.ts'
import { type ListenOn, listenError } from '../drainable-server.ts'
import { ClientOrigin } from './client-origin.ts'
import type { ConnectionContext } from './connection-context.ts'
import { Counters, counters } from './counters.ts'
import type { Handler } from './exchange.ts'
import { adoptAccepted, adoptStream, type SocketReader } from './fast-socket.ts'
import { defaultServerLimits, type ServerLimits } from './limits.ts'
import { ServerConnection } from './server-connection.ts'
import { TimerWheel } from './timer-wheel.ts'

export interface Http1ServerOptions {
  limits?: Partial<ServerLimits>
  /** Peers whose X-Forwarded-* and Forwarded fields are believed, and who are not limited by address. */
  trustedPeers?: BlockList
  wheel?: TimerWheel
  counts?: Counters
  clock?: Clock
}

export class Http1Server implements ConnectionContext {
  readonly handler: Handler
  readonly limits: ServerLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  isDraining = false
  readonly #server: Server
  readonly #clock: Clock
  readonly #trustedPeers: BlockList | undefined
  readonly #connections = new Set<ServerConnection>()
  readonly #perAddress = new Map<string, number>()
  #onEmpty: Array<() => void> = []

  constructor(handler: Handler, options: Http1ServerOptions = {}) {
    this.handler = handler
    this.limits = { ...defaultServerLimits, ...options.limits }
    this.wheel = options.wheel ?? new TimerWheel()
    this.counts = options.counts ?? new Counters()
    this.#clock = options.clock ?? systemClock
    this.#trustedPeers = options.trustedPeers
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true })
    this.#server.on('connection', (socket) => this.#accept(socket))
  }

  /** @throws port-taken when another process listens there; bad-input for an address that is not ours or a bad descriptor. */
  listen(on: ListenOn): Promise<void> {
    const { backlog } = this.limits
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

  /** Open connections, idle and upgraded ones too. */
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
    this.#hold(socket, adoptStream)
  }

  /** Closes the listening descriptor of this process, and nothing else. May be called twice. */
  stopAccepting(): void {
    this.isDraining = true
    if (this.#server.listening) this.#server.close()
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

  forget(connection: ServerConnection): void {
    if (!this.#connections.delete(connection)) return
    this.counts.add(counters.connectionsOpen, -1)
    const { address } = connection.origin
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left > 0) this.#perAddress.set(address, left)
    else this.#perAddress.delete(address)
    if (this.#connections.size === 0) for (const tell of this.#onEmpty.splice(0)) tell()
  }

  #accept(socket: Socket): void {
    // Gone before it was accepted.
    if (socket.remoteAddress === undefined) socket.destroy()
    else this.#hold(socket, adoptAccepted)
  }

  #hold(socket: Socket, adopt: (socket: Socket, readerOf: (socket: Socket) => SocketReader) => SocketReader): void {
    const origin = new ClientOrigin(socket.remoteAddress ?? 'unknown', {
      isSecure: 'encrypted' in socket,
      trustedPeers: this.#trustedPeers,
    })
    const ofAddress = this.#perAddress.get(origin.address) ?? 0
    const isOverAddress = !origin.isTrusted && ofAddress >= this.limits.connectionsPerAddressMax
    if (isOverAddress || this.#connections.size >= this.limits.connectionsMax) {
      this.counts.add(counters.connectionsRefused)
      socket.destroy()
      return
    }
    this.#perAddress.set(origin.address, ofAddress + 1)
    this.counts.add(counters.connectionsAccepted)
    this.counts.add(counters.connectionsOpen)
    adopt(socket, (own) => {
      const connection = new ServerConnection(own, origin, this)
      this.#connections.add(connection)
      return connection
    })
  }

  #untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#connections.size === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }
}
