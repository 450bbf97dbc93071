// Mode `tcp`: every connection is passed on as it is, to one server for all of its life. What is known of servers, the
// algorithms and the line are those of mode `http`; what they say of requests holds for connections here.

import { createServer, type Server, type Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '../../../../../base/clock.ts'
import { listenError } from '../../../../../net/drainable-server.ts'
import type { ServerLimits, UpstreamLimits } from '../../../../../net/http1/limits.ts'
import type { TimerWheel } from '../../../../../net/http1/timer-wheel.ts'
import { LatencyWindow } from '../../../../../net/latency-window.ts'
import { ConnectionCaps } from '../../../../../net/server/connection-caps.ts'
import type { ServerCounts } from '../../../../../net/server-counts.ts'
import { hashOfText } from '../../../algorithms/text-hash.ts'
import type { ListenOn } from '../../../contract.ts'
import type { BalancerOptions } from '../../../options.ts'
import { RetryBudget } from '../../../retry-budget.ts'
import type { Roster } from '../../../roster.ts'
import { WaitingLine } from '../../../waiting-line.ts'
import { Relay, type RelayContext } from './relay.ts'

export interface TcpFrontOptions {
  options: BalancerOptions
  server: ServerLimits
  upstream: UpstreamLimits
  wheel: TimerWheel
  sendsProxyHeader: boolean
}

export class TcpFront implements RelayContext {
  readonly roster: Roster
  readonly budget: RetryBudget
  readonly line: WaitingLine<Relay>
  readonly wheel: TimerWheel
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly sendsProxyHeader: boolean
  readonly #backlog: number
  readonly #caps: ConnectionCaps
  readonly #relays = new Set<Relay>()
  readonly #listeners: Array<{ on: ListenOn; server: Server }> = []
  readonly #waits = new LatencyWindow()
  #connections = 0
  #failures = 0
  #onEmpty: Array<() => void> = []

  constructor(roster: Roster, { options, server, upstream, wheel, sendsProxyHeader }: TcpFrontOptions) {
    this.roster = roster
    this.budget = new RetryBudget(options.retryBudgetRatio, options.retryBudgetBurst)
    this.wheel = wheel
    this.line = new WaitingLine(wheel, () => roster.upstreams)
    this.connectTimeoutMs = upstream.connectTimeoutMs
    this.sendsProxyHeader = sendsProxyHeader
    this.idleTimeoutMs = server.tunnelIdleTimeoutMs
    this.#backlog = server.backlog
    this.#caps = new ConnectionCaps(server)
    roster.onRoom = () => this.line.serve(() => roster.hasRoom)
  }

  listen(on: ListenOn): Promise<Server> {
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true })
    const backlog = this.#backlog
    server.on('connection', (socket) => this.#accept(socket))
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException) => reject(listenError(error, on))
      server.once('error', refuse)
      server.listen('fd' in on ? { fd: on.fd, backlog } : { host: on.address, port: on.port, backlog }, () => {
        server.off('error', refuse)
        server.on('error', () => {}) // a failed accept is the kernel's to repeat
        this.#listeners.push({ on, server })
        resolve(server)
      })
    })
  }

  leave(on: ListenOn): void {
    for (const listener of this.#listeners) if (isDeepStrictEqual(listener.on, on)) stop(listener.server)
  }

  inFlight(): number {
    return this.#relays.size
  }

  /** Connections are the requests here, and those for which no server was reached the errors; the time is that to a server. */
  counts(): ServerCounts {
    return { requests: this.#connections, errors: this.#failures, p99Ms: this.#waits.quantile(0.99) }
  }

  /** Nobody can be asked to leave within a stream of bytes: connections end by themselves, or when the drain is over. */
  async drain(drainMs: number): Promise<void> {
    for (const { server } of this.#listeners) stop(server)
    const isEmpty = new AbortController()
    const emptied = this.#untilEmpty().then(() => isEmpty.abort())
    await systemClock.sleep(drainMs, isEmpty.signal)
    this.line.close()
    for (const relay of this.#relays) relay.destroy()
    await emptied
  }

  // What a relay asks for.

  hashOf(address: string): number {
    return this.roster.needsHash ? hashOfText(address) : 0
  }

  onPlaced(_relay: Relay, outcome: { waitedMs: number } | 'failed'): void {
    if (outcome === 'failed') this.#failures++
    else this.#waits.record(outcome.waitedMs)
  }

  onEnd(relay: Relay): void {
    this.#relays.delete(relay)
    this.#caps.release()
    this.#caps.releaseAddress(relay.address)
    if (this.#relays.size === 0) for (const tell of this.#onEmpty.splice(0)) tell()
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress?.replace(/^::ffff:/, '')
    if (address === undefined || !this.#caps.take()) {
      socket.destroy()
      return
    }
    if (!this.#caps.takeAddress(address, { isExempt: false })) {
      this.#caps.release()
      socket.destroy()
      return
    }
    const relay = new Relay(socket, address, this)
    this.#connections++
    this.#relays.add(relay)
    relay.proceed()
  }

  #untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#relays.size === 0) resolve()
      else this.#onEmpty.push(resolve)
    })
  }
}

function stop(server: Server): void {
  if (server.listening) server.close()
}
