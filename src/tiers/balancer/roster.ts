// Who gets the next request. The part of a balancer that is the same for every engine: picking, health, ejection.
//
// A server is up until `fall` health checks in a row failed, or one connection to it was refused or broke (ejection:
// passive, at once). It is up again after `rise` good checks in a row; an ejection brings the next check forward.
// When no server is up, all are tried: a wrong or overloaded check must not turn a working system off (panic rule).

import { openChannel } from '../../base/channels.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import type { Algorithm } from './algorithms/algorithm.ts'
import { leastConnections } from './algorithms/least-connections.ts'
import { roundRobin } from './algorithms/round-robin.ts'
import type { Upstreams } from './contract.ts'
import { HealthCheck, probe } from './health-check.ts'
import type { BalancerOptions } from './options.ts'
import { isSamePlace, newServerState, type ServerState } from './server-state.ts'

const algorithms: Record<Upstreams['algorithm'], () => Algorithm> = {
  'round-robin': roundRobin,
  'least-connections': leastConnections,
}

const upstreamChannel = openChannel('tenfold:upstream')

export class Roster {
  readonly #options: BalancerOptions
  readonly #clock: Clock
  readonly #checks = new Map<ServerState, HealthCheck>()
  #upstreams: Upstreams
  #algorithm: Algorithm
  #servers: readonly ServerState[] = []
  #isClosed = false

  constructor(upstreams: Upstreams, options: BalancerOptions, clock: Clock = systemClock) {
    this.#options = options
    this.#clock = clock
    this.#upstreams = upstreams
    this.#algorithm = algorithms[upstreams.algorithm]()
    this.update(upstreams)
  }

  get upstreams(): Upstreams {
    return this.#upstreams
  }

  get servers(): readonly ServerState[] {
    return this.#servers
  }

  /** Swaps the snapshot. Answers the servers that are no longer in it; what is known of the others is kept. */
  update(upstreams: Upstreams): ServerState[] {
    if (upstreams.algorithm !== this.#upstreams.algorithm) this.#algorithm = algorithms[upstreams.algorithm]()
    const before = this.#servers
    this.#upstreams = upstreams
    this.#servers = upstreams.servers.map((upstream) => {
      const known = before.find((server) => isSamePlace(server.upstream, upstream))
      if (!known) return newServerState(upstream)
      known.upstream = upstream
      return known
    })
    for (const server of this.#servers) this.#watch(server)
    const left = before.filter((server) => !this.#servers.includes(server))
    for (const server of left) this.#unwatch(server)
    return left
  }

  /**
   * The server for the next attempt: one that is up and was not tried; else one that is not known to work and was not
   * tried. 'overloaded' when every one of them is at its limit, undefined when there is none.
   */
  pick(tried: ReadonlySet<ServerState>): ServerState | 'overloaded' | undefined {
    const untried = this.#servers.filter((server) => !server.upstream.isDraining && !tried.has(server))
    const up = untried.filter((server) => server.isUp)
    const eligible = up.length > 0 ? up : untried
    if (eligible.length === 0) return undefined
    const free = eligible.filter((server) => server.inFlight < this.#options.inFlightPerServerMax)
    return free.length === 0 ? 'overloaded' : this.#algorithm.pick(free)
  }

  /** A connection to it was refused or broke. */
  eject(server: ServerState, reason: string): void {
    server.ejections++
    server.contrary = 0
    if (!server.isUp) return
    this.#turn(server, false, reason)
    upstreamChannel.publish({ node: server.upstream.id, event: 'ejected', reason })
    this.#checks.get(server)?.soon()
  }

  /** True when every server that takes requests has been checked once. */
  get isSettled(): boolean {
    return this.#servers.every((server) => server.wasChecked || server.upstream.isDraining)
  }

  /** Ends the health checks. May be called twice. */
  close(): void {
    this.#isClosed = true
    for (const server of this.#servers) this.#unwatch(server)
  }

  #watch(server: ServerState): void {
    const isWatched = this.#checks.has(server)
    if (server.upstream.isDraining || this.#isClosed) this.#unwatch(server)
    else if (!isWatched) {
      const intervalMs = () => this.#upstreams.healthIntervalMs
      this.#checks.set(server, new HealthCheck(() => this.#check(server), intervalMs, this.#clock))
    }
  }

  #unwatch(server: ServerState): void {
    this.#checks.get(server)?.stop()
    this.#checks.delete(server)
  }

  async #check(server: ServerState): Promise<boolean> {
    const { ejections } = server
    const { healthPath: path } = this.#upstreams
    const reason = await probe(server.upstream, { path, timeoutMs: this.#options.healthTimeoutMs })
    if (!this.#checks.has(server)) return true
    const isGood = reason === undefined
    if (isGood && server.ejections !== ejections) return false
    server.wasChecked = true
    this.#count(server, isGood, reason)
    return true
  }

  #count(server: ServerState, isGood: boolean, reason: string | undefined): void {
    if (server.isUp === isGood) {
      server.contrary = 0
      if (!isGood) server.reason = reason
      return
    }
    server.contrary++
    if (server.contrary < (isGood ? this.#upstreams.rise : this.#upstreams.fall)) return
    this.#turn(server, isGood, reason)
    upstreamChannel.publish({ node: server.upstream.id, event: isGood ? 'up' : 'down', ...(reason && { reason }) })
  }

  #turn(server: ServerState, isUp: boolean, reason: string | undefined): void {
    server.isUp = isUp
    server.reason = reason
    server.contrary = 0
  }
}
