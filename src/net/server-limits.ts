// The bounds of a server of ours on what clients may do. One place for their defaults.

export interface DrainableServerLimits {
  /** Whole header block, first line included. More is answered 431. */
  headerBytesMax: number
  /** From the first byte of a request to the end of its headers; a slower client is answered 408. */
  headersTimeoutMs: number
  /** From the first byte of a request to the last of its body. */
  requestTimeoutMs: number
  /**
   * How long an idle connection is kept. Longer than any client of ours keeps one (undici 4 s, or less than the
   * Keep-Alive header tells it), so that no request meets a connection that is just being closed.
   */
  keepAliveTimeoutMs: number
  /** No byte in either direction while a request is under way: the client or the handler hangs. */
  idleTimeoutMs: number
  /** More connections are closed at once. */
  connectionsMax: number
  /** Connections that the kernel holds for us until they are accepted. */
  backlog: number
  /** How often headers and requests are looked at for their time-outs. */
  checkIntervalMs: number
}

export const defaultServerLimits: DrainableServerLimits = {
  headerBytesMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 75_000,
  idleTimeoutMs: 300_000,
  connectionsMax: 10_000,
  backlog: 1024,
  checkIntervalMs: 1000,
}
