// Who gets the next request. The part of a balancer that is the same for every engine: picking, health, ejection.
//
// A server is up until `fall` health checks in a row failed, one connection to it was refused, or `ejectAfter` requests in a
// row failed at it (ejection: passive, at once). It is up again after `rise` good checks in a row. A refused connection brings
// the next check forward; after failures it is waited for, because a server that passes its checks and fails its requests
// would be back within milliseconds. When too few are up, health is not believed: a wrong or overloaded check must not turn a working
// system off, nor push all load onto the few that pass it (panic rule). Who refuses connections is left out even then.

import { openChannel } from '../../base/channels.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import type { Algorithm } from './algorithms/algorithm.ts'
import { algorithmOf } from './algorithms/named.ts'
import type { Upstreams } from './contract.ts'
import { HealthCheck, probe } from './health-check.ts'
import type { BalancerOptions } from './options.ts'
import { isSamePlace, ServerState } from './server-state.ts'

/** What becomes of a request at a server, as far as health goes. `local` says nothing about the server. */
export type FailureKind = 'refused' | 'reset' | 'timeout' | 'bad-answer' | 'local'

export interface PickHints {
  /** Servers that failed this request. */
  tried?: readonly ServerState[]
  /** Of what the algorithm hashes; only where `needsHash`. */
  hash?: number
  /** The server that this client had. */
  wanted?: ServerState | undefined
}

const upstreamChannel = openChannel('tenfold:upstream')
const none: readonly ServerState[] = []
const noHints: PickHints = {}

export class Roster {
  /** Told when there is room again: a request ended at a server that was full, or a server came. */
  onRoom: (() => void) | undefined
  readonly #options: BalancerOptions
  readonly #clock: Clock
  readonly #checks = new Map<ServerState, HealthCheck>()
  #upstreams: Upstreams
  #algorithm: Algorithm
  #servers: readonly ServerState[] = none
  /** Those that may be picked now, in the order of the snapshot. */
  #eligible: readonly ServerState[] = none
  /** Servers at their limit. */
  #full = 0
  #isClosed = false

  constructor(upstreams: Upstreams, options: BalancerOptions, clock: Clock = systemClock) {
    this.#options = options
    this.#clock = clock
    this.#upstreams = upstreams
    this.#algorithm = algorithmOf(upstreams)
    this.#follow(upstreams)
  }

  get upstreams(): Upstreams {
    return this.#upstreams
  }

  get servers(): readonly ServerState[] {
    return this.#servers
  }

  /** Whether a request that waits could be placed. */
  get hasRoom(): boolean {
    return this.#full === 0 || this.#eligible.some((server) => this.#hasRoom(server))
  }

  get needsHash(): boolean {
    return this.#algorithm.needsHash
  }

  /** Swaps the snapshot. Answers the servers that are no longer in it; what is known of the others is kept. */
  update(upstreams: Upstreams): ServerState[] {
    const { algorithm, sticky } = upstreams
    if (algorithm !== this.#upstreams.algorithm || sticky !== this.#upstreams.sticky)
      this.#algorithm = algorithmOf(upstreams)
    const before = this.#servers
    const takers = before.filter((server) => !server.upstream.isDraining)
    this.#follow(upstreams)
    // One that drained and takes requests again is as cold as a new one.
    for (const server of this.#servers)
      if (!server.upstream.isDraining && !takers.includes(server)) this.#rampUp(server)
    this.onRoom?.()
    return before.filter((server) => !this.#servers.includes(server))
  }

  /**
   * The server for the next attempt: the one that is wanted, else one that is up and was not tried; else one that is not
   * known to work and was not tried. 'full' when every one of them is at its limit, undefined when there is none.
   */
  pick({ tried = none, hash = 0, wanted }: PickHints = noHints): ServerState | 'full' | undefined {
    let candidates = this.#eligible
    if (tried.length > 0) candidates = this.#untried(tried)
    if (candidates.length === 0) return undefined
    if (this.#full > 0) candidates = candidates.filter((server) => this.#hasRoom(server))
    if (candidates.length === 0) return 'full'
    if (wanted !== undefined && candidates.includes(wanted)) return wanted
    return this.#algorithm.pick(candidates, hash, this.#clock.monotonic())
  }

  /** Before a request is sent to it. Once for each, and then `released` once. */
  took(server: ServerState): void {
    server.inFlight++
    if (server.inFlight === this.#upstreams.inFlightPerServerMax) this.#full++
  }

  released(server: ServerState): void {
    const wasFull = server.inFlight === this.#upstreams.inFlightPerServerMax
    server.inFlight--
    if (!wasFull) return
    this.#countFull()
    this.onRoom?.()
  }

  /** The head of an answer came, so long after it was asked; undefined where the client took its own time. */
  answered(server: ServerState, latencyMs: number | undefined): void {
    server.failuresInARow = 0
    if (latencyMs !== undefined) server.latency.record(latencyMs, this.#clock.monotonic())
  }

  /** A request failed at it, so long after it was asked. */
  failed(server: ServerState, kind: FailureKind, reason: string, afterMs: number): void {
    if (kind === 'local') return
    if (kind === 'timeout') server.latency.record(afterMs, this.#clock.monotonic())
    server.failuresInARow++
    if (kind === 'refused') this.#eject(server, reason, true)
    else if (server.failuresInARow >= this.#upstreams.ejectAfter) this.#eject(server, reason, false)
  }

  /** Of every server of the snapshot, for whoever watches. */
  health(): ReadonlyArray<{ id: string; isUp: boolean; inFlight: number; reason?: string }> {
    return this.#servers.map(({ upstream: { id }, isUp, inFlight, reason }) => ({
      ...{ id, isUp, inFlight },
      ...(reason !== undefined && { reason }),
    }))
  }

  /** True when every server that takes requests has been checked once. */
  get isSettled(): boolean {
    return this.#servers.every((server) => server.wasChecked || server.upstream.isDraining)
  }

  /** Ends the health checks. May be called twice. */
  close(): void {
    this.#isClosed = true
    for (const server of this.#checks.keys()) this.#unwatch(server)
  }

  // Who may be picked.

  #follow(upstreams: Upstreams): void {
    const before = this.#servers
    this.#upstreams = upstreams
    this.#servers = upstreams.servers.map((upstream) => {
      const known = before.find((server) => isSamePlace(server.upstream, upstream))
      if (!known) return new ServerState(upstream)
      known.upstream = upstream
      return known
    })
    this.#algorithm.follow?.(this.#servers)
    for (const server of this.#servers) this.#watch(server)
    for (const server of before) if (!this.#servers.includes(server)) this.#unwatch(server)
    this.#countFull()
    this.#choose()
  }

  #choose(): void {
    const present = this.#servers.filter((server) => !server.upstream.isDraining)
    const weighty = present.filter((server) => server.upstream.weight > 0)
    const takers = weighty.length > 0 ? weighty : present
    const up = takers.filter((server) => server.isUp)
    const isPanic = up.length === 0 || up.length < this.#upstreams.panicShare * takers.length
    const reachable = isPanic ? takers.filter((server) => server.isUp || !server.isRefusing) : up
    this.#eligible = reachable.length > 0 ? reachable : takers
  }

  #untried(tried: readonly ServerState[]): readonly ServerState[] {
    const eligible = this.#eligible.filter((server) => !tried.includes(server))
    if (eligible.length > 0) return eligible
    return this.#servers.filter((server) => !server.upstream.isDraining && !tried.includes(server))
  }

  #hasRoom(server: ServerState): boolean {
    return server.inFlight < this.#upstreams.inFlightPerServerMax
  }

  #countFull(): void {
    this.#full = this.#servers.reduce((count, server) => (this.#hasRoom(server) ? count : count + 1), 0)
  }

  // Health.

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
    const bad = await probe(server.upstream, { path, timeoutMs: this.#options.healthTimeoutMs })
    if (!this.#checks.has(server)) return true
    const isGood = bad === undefined
    if (isGood && server.ejections !== ejections) return false
    server.wasChecked = true
    if (server.isRefusing !== (bad?.isRefusal ?? false)) {
      server.isRefusing = !server.isRefusing
      if (!server.isUp) this.#choose()
    }
    this.#count(server, isGood, bad?.reason)
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

  #eject(server: ServerState, reason: string, isRefusing: boolean): void {
    server.ejections++
    server.contrary = 0
    if (isRefusing) server.isRefusing = true
    if (!server.isUp) {
      this.#choose()
      return
    }
    this.#turn(server, false, reason)
    upstreamChannel.publish({ node: server.upstream.id, event: 'ejected', reason })
    if (isRefusing) this.#checks.get(server)?.soon()
  }

  #turn(server: ServerState, isUp: boolean, reason: string | undefined): void {
    server.isUp = isUp
    server.reason = reason
    server.contrary = 0
    server.failuresInARow = 0
    if (isUp) this.#rampUp(server)
    this.#choose()
    if (isUp) this.onRoom?.()
  }

  #rampUp(server: ServerState): void {
    server.rampUp(this.#clock.monotonic(), this.#upstreams.slowStartMs)
  }
}
