// Mode `http`: the HTTP engine of net/http1 with a roster of servers as its policy.

import { isDeepStrictEqual } from 'node:util'
import { Counters } from '../../../../net/http1/counters.ts'
import type { FinishedExchange, Handler } from '../../../../net/http1/exchange.ts'
import { Forwarder } from '../../../../net/http1/forwarder.ts'
import type { ForwardLimits, ServerLimits } from '../../../../net/http1/limits.ts'
import { Http1Server } from '../../../../net/http1/server.ts'
import { TimerWheel } from '../../../../net/http1/timer-wheel.ts'
import { LatencyWindow } from '../../../../net/latency-window.ts'
import type { ServerCounts } from '../../../../net/server-counts.ts'
import type { Balancer, ListenOn, ListenOptions, Upstreams } from '../../contract.ts'
import { type BalancerOptions, defaultBalancerOptions } from '../../options.ts'
import { Roster } from '../../roster.ts'
import type { NodeBalancerOptions } from './node-balancer-options.ts'
import { OwnHealth } from './own-health.ts'
import { BalancerPolicy } from './policy.ts'
import { checkSameMode } from './same-mode.ts'

export class HttpBalancer implements Balancer {
  readonly #wheel = new TimerWheel()
  readonly #counts = new Counters()
  readonly #latency = new LatencyWindow()
  readonly #roster: Roster
  readonly #policy: BalancerPolicy
  readonly #forwarder: Forwarder
  readonly #handler: Handler
  readonly #serverLimits: Partial<ServerLimits>
  readonly #forwardLimits: Partial<ForwardLimits>
  readonly #listeners: Array<{ on: ListenOn; server: Http1Server }> = []
  #isClosing = false

  constructor(
    upstreams: Upstreams,
    { server = {}, upstream = {}, forward = {}, before, ...given }: NodeBalancerOptions,
  ) {
    const options: BalancerOptions = { ...defaultBalancerOptions, ...given }
    const shared = { wheel: this.#wheel, counts: this.#counts }
    this.#serverLimits = server
    this.#forwardLimits = forward
    this.#roster = new Roster(upstreams, options)
    this.#policy = new BalancerPolicy(this.#roster, { options, limits: upstream, ...shared })
    this.#forwarder = new Forwarder(this.#policy, { ...shared, limits: this.#limits() })
    this.#handler = this.#watched(before?.(this.#forwarder) ?? this.#forwarder)
  }

  update(upstreams: Upstreams): void {
    checkSameMode(this.#roster.upstreams, upstreams)
    this.#policy.follow(this.#roster.update(upstreams))
    Object.assign(this.#forwarder.limits, this.#limits())
  }

  async listen(on: ListenOn, { answersHealth = false }: ListenOptions = {}): Promise<void> {
    const handler = answersHealth ? new OwnHealth(this.#handler, this) : this.#handler
    const server = new Http1Server(handler, { wheel: this.#wheel, counts: this.#counts, limits: this.#serverLimits })
    await server.listen(on)
    this.#listeners.push({ on, server })
  }

  addresses(): ReadonlyArray<{ address: string; port: number }> {
    return this.#listeners.flatMap(({ server }) => server.address() ?? [])
  }

  leave(on: ListenOn): void {
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
  }

  /** The outermost handler: whatever answers, the edge or a server, is counted alike. */
  #watched(inner: Handler): Handler {
    return {
      handle: (exchange) => inner.handle(exchange),
      finished: (finished: FinishedExchange) => {
        this.#latency.record(finished.durationMs)
        inner.finished?.(finished)
      },
    }
  }

  #limits(): Partial<ForwardLimits> {
    const { bodyBytesMax, retriesMax } = this.#roster.upstreams
    return { bodyBytesMax, attemptsMax: retriesMax + 1, ...this.#forwardLimits }
  }
}
