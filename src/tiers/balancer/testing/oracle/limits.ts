// What the oracle may wait for and keep.

export interface OracleLimits {
  connectTimeoutMs: number
  bodyIdleTimeoutMs: number
  tunnelIdleTimeoutMs: number
  /** A request body up to this size is read before it is sent, and kept, so that it can be sent to another server. */
  keptBodyBytesMax: number
  /** An answer of known length up to this size is read before the client sees its first byte. */
  heldAnswerBytesMax: number
  answerHeaderBytesMax: number
  /** How long the rest of a body is read and thrown away after an early answer, so that the client can read that. */
  lingerMs: number
  upstreamKeepAliveMs: number
}

export const oracleLimits: OracleLimits = {
  connectTimeoutMs: 1000,
  bodyIdleTimeoutMs: 300_000,
  tunnelIdleTimeoutMs: 3_600_000,
  keptBodyBytesMax: 64 * 1024,
  heldAnswerBytesMax: 256 * 1024,
  answerHeaderBytesMax: 64 * 1024,
  lingerMs: 5000,
  upstreamKeepAliveMs: 4000,
}
