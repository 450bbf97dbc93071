// What every balancer engine promises: a request reaches a server that is up; one that is safe to repeat survives
// the death of the server that had it.

import type { ListenOn } from '../../net/drainable-server.ts'
import type { ServerCounts } from '../../net/server-counts.ts'

/** Immutable: a change of the map gives a new one, swapped between requests. */
export interface Upstreams {
  algorithm: 'round-robin' | 'least-connections'
  servers: ReadonlyArray<Upstream>
  healthPath: string
  healthIntervalMs: number
  rise: number
  fall: number
  retriesMax: number
  timeoutMs: number
  bodyBytesMax: number
}

export interface Upstream {
  id: string
  address: string
  port: number
  /** Gets no new request; those it has may finish. */
  isDraining: boolean
}

export type { ListenOn }

/** What an engine implements. */
export interface Balancer {
  /** Takes effect from the next request on; health that is known is carried over. */
  update(upstreams: Upstreams): void
  /**
   * Accepts on an inherited listening socket, or on an address; called once for each. @throws port-taken, bad-input.
   * With `answersHealth` this listener answers GET /-/live and /-/ready for the balancer itself instead of passing
   * them on; ready means that every server was checked once and that the balancer is not closing.
   */
  listen(on: ListenOn, options?: { answersHealth: boolean }): Promise<void>
  /** Where it listens, in the order of the calls; the port is real where 0 was asked for. */
  addresses(): ReadonlyArray<{ address: string; port: number }>
  /** Stops accepting there and nowhere else: kept connections end with their next answer. */
  leave(on: ListenOn): void
  /** True once every server was checked. */
  isReady(): boolean
  health(): ReadonlyArray<{ id: string; isUp: boolean; inFlight: number; reason?: string }>
  inFlight(): number
  counts(): ServerCounts
  /**
   * Stops accepting, answers the next request of each kept connection with `Connection: close`, and resolves when
   * none is left or `drainMs` is over.
   */
  close(drainMs: number, options?: { closesIdle?: boolean }): Promise<void>
}
