// The bounds of streams over JetStream, in one place.

export const streamLimits = {
  /** For everything that is asked of the server. */
  callMsMax: 3000,
  publishMsMax: 5000,
  /** What the copy of one stream takes of the server's disk; the oldest go first, and are read from PostgreSQL then. */
  bytesMax: 1024 ** 3,
  /** In which what the relay sends twice is dropped by the server. */
  duplicateMs: 120_000,
  leaseMs: 15_000,
  relayEntriesMax: 500,
  relayBackoff: { baseMs: 50, capMs: 2000 },
  /** Messages that one lane holds before they are asked for. */
  aheadMax: 1000,
  /** How long a pull waits for messages before the next one; and how often the server says meanwhile that it is there. */
  pullMs: 10_000,
  heartbeatMs: 1000,
  /** A lane that hears nothing looks into PostgreSQL so often: the server, or the relay, may be down. */
  lookMs: 1000,
  /** ... and so long after it was told that something had been appended. */
  patienceMs: 100,
  /** A lane that nobody reads for so long is not followed any more. */
  idleMs: 30_000,
  /** Before a lane is followed again after that failed. */
  againMs: 500,
} as const
