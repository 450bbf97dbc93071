// What every balancer engine promises: a request reaches a server that is up; one that is safe to repeat survives
// the death of the server that had it.

import type { ListenOn } from '../../net/drainable-server.ts'
import type { ServerCounts } from '../../net/server-counts.ts'

/**
 * How a server is picked among those that are up. p2c: of two at random, the one that would answer sooner, by requests in
 * flight and a peak-sensitive average of latency. The two hashes send the same client, or the same text, to the same
 * server as long as it is up and not over its share.
 */
export type AlgorithmName =
  | 'p2c'
  | 'round-robin'
  | 'weighted-round-robin'
  | 'least-connections'
  | 'ip-hash'
  | 'consistent-hash'

/** What `consistent-hash` hashes. Without the named field or cookie, the path. */
export type HashOn = { by: 'path' } | { by: 'header' | 'cookie'; name: string }

/** Immutable: a change of the map gives a new one, swapped between requests. */
export interface Upstreams {
  /** tcp: connections are passed on as they are, and what follows about requests holds for connections. */
  mode: 'http' | 'tcp'
  algorithm: AlgorithmName
  hashOn: HashOn
  servers: ReadonlyArray<Upstream>
  /** A client comes back to the server that it had: by a cookie of ours, or by its address. Only for apps that need it. */
  sticky: 'off' | 'cookie' | 'ip'
  healthPath: string
  healthIntervalMs: number
  rise: number
  fall: number
  /** Failures in a row of real requests that take a server out until a check is good again; a refused connection counts as many. */
  ejectAfter: number
  /**
   * When fewer than this share of the servers are up, checks are not believed and all are asked that accept connections.
   * 0: only when none is up.
   */
  panicShare: number
  /** A server that comes back, or is new, gets its full share only after so long. 0: at once. */
  slowStartMs: number
  /** Requests at one server at once; when all servers are full, requests wait in line. */
  inFlightPerServerMax: number
  /** Requests that wait for a server, and how long: more, or longer, is answered 503 with Retry-After. */
  queueMax: number
  queueTimeoutMs: number
  retriesMax: number
  timeoutMs: number
  bodyBytesMax: number
}

export interface Upstream {
  id: string
  address: string
  port: number
  /** Share of the requests among servers that are equally loaded; 1 is usual. 0: none, as long as there is another server. */
  weight: number
  /** Gets no new request; those it has may finish. */
  isDraining: boolean
}

export type { ListenOn }

/** What an engine implements. */
export interface Balancer {
  /**
   * Resolves when it holds from the next request on; health that is known is carried over. May be called again meanwhile: the
   * last one stays. @throws conflict for another `mode`; unavailable where another program has to be told and cannot be.
   */
  update(upstreams: Upstreams): Promise<void>
  /**
   * Accepts on an inherited listening socket, or on an address; called once for each. @throws port-taken, bad-input.
   * With `answersHealth` this listener answers GET /-/live and /-/ready for the balancer itself instead of passing
   * them on; ready means that every server was checked once and that the balancer is not closing.
   */
  listen(on: ListenOn, options?: ListenOptions): Promise<void>
  /** Where it listens, in the order of the calls; the port is real where 0 was asked for. */
  addresses(): ReadonlyArray<{ address: string; port: number }>
  /** Resolves when it accepts no more there, and goes on elsewhere: kept connections end with their next answer. */
  leave(on: ListenOn): Promise<void>
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

export interface ListenOptions {
  answersHealth?: boolean
  /** TLS ends here, and HTTP/2 is spoken to those who ask for it. */
  tls?: boolean
}
