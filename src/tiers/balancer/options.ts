// What a balancer may take, wait for and keep. The topology's `front` section sets the rest (contract.ts, Upstreams).

export interface BalancerOptions {
  /** Opening a connection to a server. Nothing was sent when it is over, so the next server is tried. */
  connectTimeoutMs: number
  /** One health check, from connecting to its status line. */
  healthTimeoutMs: number
  /** Silence inside an answer that has begun; server-sent events must say something within it. */
  bodyIdleTimeoutMs: number
  /** Silence in both directions of an upgraded connection. */
  tunnelIdleTimeoutMs: number
  /** A request body up to this size is read before it is sent, and kept, so that it can be sent to another server. */
  keptBodyBytesMax: number
  /**
   * An answer of known length up to this size is read before the client sees its first byte, where the request may be
   * repeated: a server that dies inside it then costs nothing.
   */
  heldAnswerBytesMax: number
  /** Headers of an answer. */
  answerHeaderBytesMax: number
  /** How long the rest of a body is read and thrown away after an early answer, so that the client can read that. */
  lingerMs: number
  /** Requests at one server at once; a server at its limit is not picked, and when all are, the answer is 503. */
  inFlightPerServerMax: number
  /** An idle connection to a server is closed after this, or earlier when the server's Keep-Alive header says so. */
  upstreamKeepAliveMs: number
  /** Retries per request, on average: each request adds so much to the budget, each retry takes 1. */
  retryBudgetRatio: number
  /** The most that the budget holds, and what it starts with: all requests that one dying server may have had. */
  retryBudgetBurst: number
  /** What an answer 502, 503 or 504 of ours tells the client to wait. */
  retryAfterSeconds: number
}

export const defaultBalancerOptions: BalancerOptions = {
  connectTimeoutMs: 1000,
  healthTimeoutMs: 1000,
  bodyIdleTimeoutMs: 300_000,
  tunnelIdleTimeoutMs: 3_600_000,
  keptBodyBytesMax: 64 * 1024,
  heldAnswerBytesMax: 256 * 1024,
  answerHeaderBytesMax: 64 * 1024,
  lingerMs: 5000,
  inFlightPerServerMax: 1024,
  upstreamKeepAliveMs: 4000,
  retryBudgetRatio: 0.2,
  retryBudgetBurst: 1024,
  retryAfterSeconds: 1,
}
