// A balancer on this engine, as small as it can be, so that the suite of all balancer engines runs against it: the same
// roster and retry budget as the balancer in use, the wire code of this folder.

import type { Balancer, ListenOn, Upstream, Upstreams } from '../../../tiers/balancer/contract.ts'
import { type BalancerOptions, defaultBalancerOptions } from '../../../tiers/balancer/options.ts'
import { RetryBudget } from '../../../tiers/balancer/retry.ts'
import { Roster } from '../../../tiers/balancer/roster.ts'
import type { ServerState } from '../../../tiers/balancer/server-state.ts'
import type { OwnAnswer } from '../answer-writer.ts'
import { Counters } from '../counters.ts'
import type { Failure } from '../failure.ts'
import type { ForwardedRequest, ForwardPolicy, Upstream as Target } from '../forward-policy.ts'
import { Forwarder } from '../forwarder.ts'
import type { ServerLimits } from '../limits.ts'
import { Http1Server } from '../server.ts'
import { TimerWheel } from '../timer-wheel.ts'
import { UpstreamPool } from '../upstream-pool.ts'

interface Place extends Target {
  state: ServerState
}

export function openHttp1Balancer(upstreams: Upstreams, limits: Partial<ServerLimits> = {}): Balancer {
  return new Http1Balancer(upstreams, limits)
}

class Http1Balancer implements Balancer, ForwardPolicy {
  readonly #options: BalancerOptions = defaultBalancerOptions
  readonly retryAfterSeconds = this.#options.retryAfterSeconds
  readonly #roster: Roster
  readonly #budget: RetryBudget
  readonly #limits: Partial<ServerLimits>
  readonly #wheel = new TimerWheel()
  readonly #counts = new Counters()
  readonly #places = new Map<ServerState, Place>()
  readonly #listeners: Array<{ on: ListenOn; server: Http1Server }> = []
  #isClosing = false

  constructor(upstreams: Upstreams, limits: Partial<ServerLimits>) {
    this.#limits = limits
    this.#roster = new Roster(upstreams, this.#options)
    this.#budget = new RetryBudget(this.#options.retryBudgetRatio, this.#options.retryBudgetBurst)
  }

  // What the engine asks of a policy.

  pick({ tried }: ForwardedRequest): Place | OwnAnswer {
    if (tried.length === 0) this.#budget.deposit()
    const { retryAfterSeconds } = this
    const state = this.#roster.pick(new Set(tried.map((place) => (place as Place).state)))
    if (state === 'overloaded')
      return { status: 503, code: 'overloaded', message: 'every server is at its limit; try again', retryAfterSeconds }
    if (state === undefined) {
      const status = tried.length > 0 ? 502 : 503
      return { status, code: 'unavailable', message: 'there is no server for this request now', retryAfterSeconds }
    }
    state.inFlight++
    return this.#placeOf(state)
  }

  failed(_request: ForwardedRequest, place: Place, failure: Failure): boolean {
    if (failure.kind === 'refused' || failure.kind === 'reset') this.#roster.eject(place.state, failure.reason)
    return this.#budget.withdraw()
  }

  released(_request: ForwardedRequest, { state }: Place): void {
    state.inFlight--
  }

  // What a balancer promises.

  update(upstreams: Upstreams): void {
    const left = this.#roster.update(upstreams)
    const draining = this.#roster.servers.filter((state) => state.upstream.isDraining)
    for (const state of [...left, ...draining]) {
      this.#places.get(state)?.pool.drain()
      this.#places.delete(state)
    }
  }

  async listen(on: ListenOn): Promise<void> {
    const { bodyBytesMax, retriesMax } = this.#roster.upstreams
    const shared = { wheel: this.#wheel, counts: this.#counts }
    const forwarder = new Forwarder(this, { ...shared, limits: { bodyBytesMax, attemptsMax: retriesMax + 1 } })
    const server = new Http1Server(forwarder, { ...shared, limits: this.#limits })
    await server.listen(on)
    this.#listeners.push({ on, server })
  }

  addresses(): ReadonlyArray<{ address: string; port: number }> {
    return this.#listeners.flatMap(({ server }) => server.address() ?? [])
  }

  leave(on: ListenOn): void {
    for (const listener of this.#listeners) if (listener.on === on) listener.server.stopAccepting()
  }

  isReady(): boolean {
    return this.#roster.isSettled && !this.#isClosing
  }

  health() {
    return this.#roster.servers.map(({ upstream: { id }, isUp, inFlight, reason }) => ({
      ...{ id, isUp, inFlight },
      ...(reason !== undefined && { reason }),
    }))
  }

  /** With open tunnels, as the contract has it. */
  inFlight(): number {
    return this.#roster.servers.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  counts() {
    return { requests: this.#counts.get('requests'), errors: this.#counts.get('answers5xx'), p99Ms: undefined }
  }

  async close(drainMs: number, options: { closesIdle?: boolean } = {}): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#listeners.map(({ server }) => server.drain(drainMs, options)))
    this.#roster.close()
    for (const { pool } of this.#places.values()) pool.destroy()
  }

  #placeOf(state: ServerState): Place {
    const known = this.#places.get(state)
    if (known) return known
    const { address, port }: Upstream = state.upstream
    const limits = { answerTimeoutMs: this.#roster.upstreams.timeoutMs }
    const pool = new UpstreamPool({ address, port }, { limits, wheel: this.#wheel, counts: this.#counts })
    const place = { state, pool }
    this.#places.set(state, place)
    return place
  }
}
