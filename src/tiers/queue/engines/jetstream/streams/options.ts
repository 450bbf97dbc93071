// The bounds of streams over JetStream, in one place.

export const streamLimits = {
  /** For everything that is asked of the server. */
  callMsMax: 3000,
  publishMsMax: 5000,
  /** What the copy of one stream may take of the server's disk, at first and at most; then the oldest go, and are read from PostgreSQL. */
  bytesMin: 16 * 1024 ** 2,
  bytesMax: 1024 ** 3,
  /** Copies that grow leave so much of the server's disk to jobs, which nothing is set aside for. */
  bytesSpared: 1024 ** 3,
  /** Of entries, that one process carries to a copy between two looks at its size. */
  bytesBetweenLooks: 2 * 1024 ** 2,
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
