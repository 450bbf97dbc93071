// One connection passed on byte by byte. Until a server is there, nothing of the client is read, so the next server can be
// tried as long as none was reached. Where one side breaks the other is reset: a cut stream must not look whole.

import type { Socket } from 'node:net'
import { type Failure, failureOf } from '../../../../../net/http1/failure.ts'
import { adoptAccepted, connectFast } from '../../../../../net/http1/fast-socket.ts'
import { Deadline, type DeadlineOwner, type TimerWheel } from '../../../../../net/http1/timer-wheel.ts'
import { type Endpoint, proxyHeader } from '../../../../../net/proxy-protocol/write-proxy-header.ts'
import type { RetryBudget } from '../../../retry-budget.ts'
import type { Roster } from '../../../roster.ts'
import type { ServerState } from '../../../server-state.ts'
import type { Waiter, WaitingLine } from '../../../waiting-line.ts'
import { RelaySide, type RelaySides } from './relay-side.ts'

/** Silence of a connection of which one direction has ended. A client that died after it looks just like one that waits. */
const halfClosedIdleTimeoutMs = 60_000

export interface RelayContext {
  readonly roster: Roster
  readonly budget: RetryBudget
  readonly line: WaitingLine<Relay>
  readonly wheel: TimerWheel
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  /** The server is told who the client is, before the client's first byte. */
  readonly sendsProxyHeader: boolean
  /** What this client is known by to the algorithm. */
  hashOf(address: string): number
  /** A server was reached, so long after the client came; or none, and the client was sent away. */
  onPlaced(relay: Relay, outcome: { waitedMs: number } | 'failed'): void
  onEnd(relay: Relay): void
}

export class Relay implements Waiter, DeadlineOwner, RelaySides {
  readonly address: string
  readonly #context: RelayContext
  readonly #client: RelaySide
  readonly #deadline = new Deadline(this)
  readonly #tried: ServerState[] = []
  readonly #sinceMs = performance.now()
  #attemptMs = 0
  #state: ServerState | undefined
  #server: RelaySide | undefined
  #isConnected = false
  #isClientGone = false
  #isEnded = false

  /** `accepted`: by a server with `pauseOnConnect`. */
  constructor(accepted: Socket, address: string, context: RelayContext) {
    this.address = address
    this.#context = context
    const client = new RelaySide(this)
    this.#client = client
    adoptAccepted(accepted, (socket) => {
      client.socket = socket.pause()
      socket.setTimeout(context.idleTimeoutMs, () => this.destroy())
      return client
    })
  }

  // Waiting and connecting.

  proceed(): void {
    const { roster, budget, line } = this.#context
    const state = roster.pick({ tried: this.#tried, hash: this.#context.hashOf(this.address) })
    if (state === undefined || (state === 'full' && !line.join(this, this))) this.giveUp()
    else if (state !== 'full') {
      if (this.#tried.length === 0) budget.deposit()
      this.#connect(state)
    }
  }

  /** No server was reached: the client is told by a reset, as if nobody listened here. */
  giveUp(): void {
    if (this.#isClientGone) return
    this.#context.onPlaced(this, 'failed')
    this.#client.reset()
  }

  destroy(): void {
    this.#client.socket.destroy()
    this.#server?.socket.destroy()
  }

  onDeadline(): void {
    this.#server?.socket.destroy(new Error('no connection within the time-out'))
  }

  #connect(state: ServerState): void {
    const { roster, wheel, connectTimeoutMs } = this.#context
    const server = new RelaySide(this)
    this.#tried.push(state)
    this.#state = state
    this.#server = server
    this.#attemptMs = performance.now()
    roster.took(state)
    server.socket = connectFast(state.upstream, server)
    wheel.set(this.#deadline, connectTimeoutMs)
  }

  onConnected(server: RelaySide): void {
    const { roster, wheel, sendsProxyHeader } = this.#context
    const client = this.#client
    const nowMs = performance.now()
    this.#isConnected = true
    wheel.remove(this.#deadline)
    if (this.#state !== undefined) roster.answered(this.#state, nowMs - this.#attemptMs)
    if (this.#isClientGone) {
      server.socket.destroy()
      return
    }
    this.#context.onPlaced(this, { waitedMs: nowMs - this.#sinceMs })
    if (sendsProxyHeader) server.socket.write(proxyHeader(endsOf(client.socket)))
    client.join(server)
    server.join(client)
    client.socket.resume()
  }

  #notConnected(state: ServerState, { kind, reason }: Failure): void {
    const { roster, budget, wheel } = this.#context
    wheel.remove(this.#deadline)
    this.#release()
    if (this.#isClientGone) return
    roster.failed(state, kind === 'full' ? 'local' : kind, reason, performance.now() - this.#attemptMs)
    if (this.#tried.length <= roster.upstreams.retriesMax && budget.withdraw()) this.proceed()
    else this.giveUp()
  }

  // The end.

  onFailed(side: RelaySide, error: NodeJS.ErrnoException): void {
    if (side === this.#client) this.#server?.reset()
    else if (this.#isConnected) this.#client.reset()
    else if (side === this.#server && this.#state !== undefined)
      this.#notConnected(this.#state, failureOf(error, { wasSent: false }))
  }

  /** The other direction may go on, but silence now most likely means that nobody is there any more. */
  onEnded(): void {
    this.#client.socket.setTimeout(Math.min(this.#context.idleTimeoutMs, halfClosedIdleTimeoutMs))
  }

  /** By its end, or by an error that has been passed on. */
  onClosed(side: RelaySide): void {
    if (side === this.#client) {
      this.#isClientGone = true
      this.#context.line.leave(this)
      if (!this.#isConnected) this.#server?.socket.destroy()
    }
    const isServerGone = this.#server === undefined || this.#server.socket.destroyed
    if (!this.#isClientGone || !isServerGone || this.#isEnded) return
    this.#isEnded = true
    this.#context.wheel.remove(this.#deadline)
    this.#release()
    this.#context.onEnd(this)
  }

  #release(): void {
    const state = this.#state
    this.#state = undefined
    if (state !== undefined) this.#context.roster.released(state)
  }
}

function endsOf(client: Socket): { source: Endpoint; destination: Endpoint } {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = client
  return {
    source: { address: remoteAddress, port: remotePort },
    destination: { address: localAddress, port: localPort },
  }
}
