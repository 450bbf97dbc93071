// Mode `http`: the server of net/server in front, the HTTP engine's forwarder behind, and a roster of servers as its policy.

import { isDeepStrictEqual } from 'node:util'
import { TenfoldError } from '../../../../base/errors.ts'
import { Counters } from '../../../../net/http1/counters.ts'
import type { FinishedExchange, Handler } from '../../../../net/http1/exchange.ts'
import { Forwarder } from '../../../../net/http1/forwarder.ts'
import { defaultServerLimits, type ForwardLimits, type ServerLimits } from '../../../../net/http1/limits.ts'
import { TimerWheel } from '../../../../net/http1/timer-wheel.ts'
import { LatencyWindow } from '../../../../net/latency-window.ts'
import { networksOf } from '../../../../net/network.ts'
import { ConnectionCaps } from '../../../../net/server/connection-caps.ts'
import { HttpServer } from '../../../../net/server/http-server.ts'
import { RequestRate } from '../../../../net/server/request-rate.ts'
import type { ServerCounts } from '../../../../net/server-counts.ts'
import type { Balancer, ListenOn, ListenOptions, Upstreams } from '../../contract.ts'
import { type BalancerOptions, defaultBalancerOptions } from '../../options.ts'
import { Roster } from '../../roster.ts'
import type { NodeBalancerOptions } from './node-balancer-options.ts'
import { OwnHealth } from './own-health.ts'
import { BalancerPolicy } from './policy.ts'
import { checkSameMode } from './same-mode.ts'

type WireOptions = Pick<NodeBalancerOptions, 'trustedPeers' | 'proxyProtocol' | 'tls' | 'accessLog'>

/** Who comes to the balancer's own address: other fronts of ours, which say for whom they ask, and by which scheme. */
const ownPeers = networksOf(['127.0.0.0/8', '::1'])

export class HttpBalancer implements Balancer {
  readonly #wheel = new TimerWheel()
  readonly #counts = new Counters()
  readonly #latency = new LatencyWindow()
  readonly #roster: Roster
  readonly #policy: BalancerPolicy
  readonly #forwarder: Forwarder
  readonly #handler: Handler
  /** For the balancer's own address: another front that asks there for a client has that client in its own log. */
  readonly #unwatched: Handler
  readonly #serverLimits: ServerLimits
  readonly #forwardLimits: Partial<ForwardLimits>
  /** Public listeners count their clients together. */
  readonly #caps: ConnectionCaps
  readonly #rate: RequestRate | undefined
  readonly #wire: WireOptions
  readonly #listeners: Array<{ on: ListenOn; server: HttpServer }> = []
  #isClosing = false

  constructor(upstreams: Upstreams, given: NodeBalancerOptions) {
    const { server, upstream = {}, forward = {}, before, requestsPerSecondPerAddress: perSecond = 0, ...rest } = given
    const options: BalancerOptions = { ...defaultBalancerOptions, ...rest }
    const shared = { wheel: this.#wheel, counts: this.#counts }
    this.#wire = rest
    this.#serverLimits = { ...defaultServerLimits, ...server }
    this.#forwardLimits = forward
    this.#caps = new ConnectionCaps(this.#serverLimits)
    this.#rate = perSecond > 0 ? new RequestRate({ perSecond }) : undefined
    this.#roster = new Roster(upstreams, options)
    this.#policy = new BalancerPolicy(this.#roster, { options, limits: upstream, ...shared })
    this.#forwarder = new Forwarder(this.#policy, { ...shared, limits: this.#limits() })
    this.#unwatched = before?.(this.#forwarder) ?? this.#forwarder
    this.#handler = this.#watched(this.#unwatched)
  }

  async update(upstreams: Upstreams): Promise<void> {
    checkSameMode(this.#roster.upstreams, upstreams)
    this.#policy.follow(this.#roster.update(upstreams))
    Object.assign(this.#forwarder.limits, this.#limits())
  }

  async listen(on: ListenOn, { answersHealth = false, tls = false }: ListenOptions = {}): Promise<void> {
    const { trustedPeers, proxyProtocol, tls: tlsOptions } = this.#wire
    if (tls && tlsOptions === undefined)
      throw new TenfoldError('bad-input', 'a listener shall end TLS, and the balancer was given no certificates')
    const shared = { wheel: this.#wheel, counts: this.#counts, limits: this.#serverLimits }
    const server = answersHealth
      ? new HttpServer(new OwnHealth(this.#unwatched, this), { ...shared, trustedPeers: ownPeers })
      : new HttpServer(this.#handler, { ...shared, trustedPeers, caps: this.#caps, rate: this.#rate })
    await server.listen(on, {
      tls: tls ? tlsOptions : undefined,
      proxyProtocol: answersHealth ? undefined : proxyProtocol,
    })
    this.#listeners.push({ on, server })
  }

  addresses(): ReadonlyArray<{ address: string; port: number }> {
    return this.#listeners.flatMap(({ server }) => server.address() ?? [])
  }

  async leave(on: ListenOn): Promise<void> {
    for (const listener of this.#listeners) if (isDeepStrictEqual(listener.on, on)) listener.server.stopAccepting()
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  isReady(): boolean {
    return this.#roster.isSettled && !this.#isClosing
  }

  health(): ReadonlyArray<{ id: string; isUp: boolean; inFlight: number; reason?: string }> {
    return this.#roster.health()
  }

  /** Tunnels too: they are over when their bytes are. */
  inFlight(): number {
    return this.#counts.get('requestsInFlight') + this.#counts.get('tunnelsOpen')
  }

  counts(): ServerCounts {
    return {
      requests: this.#counts.get('requests'),
      errors: this.#counts.get('answers5xx'),
      p99Ms: this.#latency.quantile(0.99),
    }
  }

  async close(drainMs: number, options: { closesIdle?: boolean } = {}): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#listeners.map(({ server }) => server.drain(drainMs, options)))
    this.#roster.close()
    this.#policy.destroy()
    await this.#wire.accessLog?.close()
  }

  /** The outermost handler: whatever answers, the edge or a server, is counted and logged alike. */
  #watched(inner: Handler): Handler {
    const { accessLog } = this.#wire
    return {
      handle: (exchange) => inner.handle(exchange),
      finished: (finished: FinishedExchange) => {
        this.#latency.record(finished.durationMs)
        accessLog?.add(finished)
        inner.finished?.(finished)
      },
    }
  }

  #limits(): Partial<ForwardLimits> {
    const { bodyBytesMax, retriesMax } = this.#roster.upstreams
    return { bodyBytesMax, attemptsMax: retriesMax + 1, ...this.#forwardLimits }
  }
}
