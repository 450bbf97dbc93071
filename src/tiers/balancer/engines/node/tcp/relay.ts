// One connection passed on byte by byte. Until a server is there, nothing of the client is read, so the next server can be
// tried as long as none was reached. Afterwards each side's end is passed on as such (half-close), the faster side waits for
// the slower one, and where one side breaks the other is reset: a cut stream must not look whole.

import { connect, type Socket } from 'node:net'
import { failureOf } from '../../../../../net/http1/failure.ts'
import { Deadline, type DeadlineOwner, type TimerWheel } from '../../../../../net/http1/timer-wheel.ts'
import { type Endpoint, proxyHeader } from '../../../../../net/proxy-protocol/write-proxy-header.ts'
import type { RetryBudget } from '../../../retry-budget.ts'
import type { PickHints, Roster } from '../../../roster.ts'
import type { ServerState } from '../../../server-state.ts'
import type { Waiter, WaitingLine } from '../../../waiting-line.ts'

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

export class Relay implements Waiter, DeadlineOwner {
  readonly address: string
  readonly #client: Socket
  readonly #context: RelayContext
  readonly #deadline = new Deadline(this)
  readonly #tried: ServerState[] = []
  readonly #sinceMs = performance.now()
  #attemptMs = 0
  #state: ServerState | undefined
  #server: Socket | undefined
  #isConnected = false
  /** The client has gone. */
  #isOver = false
  #isEnded = false

  constructor(client: Socket, address: string, context: RelayContext) {
    this.#client = client
    this.address = address
    this.#context = context
  }

  start(): void {
    const client = this.#client
    client.on('error', () => this.#break(this.#server))
    client.once('close', () => this.#closed())
    client.setTimeout(this.#context.idleTimeoutMs, () => this.destroy())
    this.proceed()
  }

  proceed(): void {
    const { roster, budget, line } = this.#context
    const hints: PickHints = { tried: this.#tried, hash: this.#context.hashOf(this.address) }
    const state = roster.pick(hints)
    if (state === undefined || (state === 'full' && !line.join(this, this))) this.giveUp()
    else if (state !== 'full') {
      if (this.#tried.length === 0) budget.deposit()
      this.#connect(state)
    }
  }

  /** No server was reached: the client is told by a reset, as if nobody listened here. */
  giveUp(): void {
    if (this.#isOver) return
    this.#context.onPlaced(this, 'failed')
    this.#client.resetAndDestroy()
  }

  destroy(): void {
    this.#client.destroy()
    this.#server?.destroy()
  }

  onDeadline(): void {
    this.#server?.destroy(new Error('no connection within the time-out'))
  }

  #connect(state: ServerState): void {
    const { roster, wheel, connectTimeoutMs } = this.#context
    const { address: host, port } = state.upstream
    this.#tried.push(state)
    this.#state = state
    this.#attemptMs = performance.now()
    roster.took(state)
    const server = connect({ host, port, noDelay: true, allowHalfOpen: true })
    this.#server = server
    wheel.set(this.#deadline, connectTimeoutMs)
    server.once('connect', () => this.#connected(server, state))
    server.on('error', (error) => {
      if (this.#isConnected) this.#break(this.#client)
      else this.#failed(state, error)
    })
    server.once('close', () => {
      if (server === this.#server) this.#closed()
    })
  }

  #connected(server: Socket, state: ServerState): void {
    const { roster, wheel } = this.#context
    const nowMs = performance.now()
    this.#isConnected = true
    wheel.remove(this.#deadline)
    roster.answered(state, nowMs - this.#attemptMs)
    if (this.#client.destroyed) {
      server.destroy()
      return
    }
    this.#context.onPlaced(this, { waitedMs: nowMs - this.#sinceMs })
    if (this.#context.sendsProxyHeader) server.write(proxyHeader(endsOf(this.#client)))
    this.#client.pipe(server)
    server.pipe(this.#client)
  }

  #failed(state: ServerState, error: NodeJS.ErrnoException): void {
    const { roster, budget, wheel } = this.#context
    const { kind, reason } = failureOf(error, { wasSent: false })
    wheel.remove(this.#deadline)
    this.#release()
    if (this.#isOver) return
    roster.failed(state, kind === 'full' ? 'local' : kind, reason, performance.now() - this.#attemptMs)
    if (this.#tried.length <= roster.upstreams.retriesMax && budget.withdraw()) this.proceed()
    else this.giveUp()
  }

  #break(other: Socket | undefined): void {
    if (other === undefined || other.destroyed) return
    if (other.connecting) other.destroy()
    else other.resetAndDestroy()
  }

  /** One side is gone for good, after its end or by an error that broke the other side too. */
  #closed(): void {
    const isClientGone = this.#client.destroyed
    if (isClientGone && !this.#isOver) {
      this.#isOver = true
      this.#context.line.leave(this)
      if (!this.#isConnected) this.#server?.destroy()
    }
    const isServerGone = this.#server === undefined || this.#server.destroyed
    if (!isClientGone || !isServerGone || this.#isEnded) return
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
