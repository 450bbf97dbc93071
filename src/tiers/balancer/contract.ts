// What every balancer engine promises: a request reaches a server that is up; one that is safe to repeat survives
// the death of the server that had it.

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

/** What an engine implements. */
export interface Balancer {
  /** Takes effect from the next request on; health that is known is carried over. */
  update(upstreams: Upstreams): void
  /** Accepts on an inherited listening socket, or on an address. */
  listen(on: { fd: number } | { address: string; port: number }): Promise<void>
  health(): ReadonlyArray<{ id: string; isUp: boolean; inFlight: number; reason?: string }>
  inFlight(): number
  /**
   * Stops accepting, answers the next request of each kept connection with `Connection: close`, and resolves when
   * none is left or `drainMs` is over.
   */
  close(drainMs: number): Promise<void>
}
