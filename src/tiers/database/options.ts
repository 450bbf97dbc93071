// The limits of the database router: the one place for their defaults.

export interface RouterOptions {
  /** Connections of this process to one primary. Two web servers and a worker fit three times into PostgreSQL's 100. */
  poolMax: number
  /** Statements and transactions of this process that wait for a connection or for the end of a hold. The next is refused: `overloaded`. */
  waitersMax: number
  /** How long one waits for a free connection of a busy pool before it fails with `overloaded`. A hold does not count. */
  waitMs: number
  /** How long opening one connection may take. */
  connectMs: number
  /** How long one statement may run; PostgreSQL ends it (`timeout`). */
  statementMs: number
  /** How much longer than `statementMs` PostgreSQL may stay silent before its connection counts as dead. */
  silenceMs: number
  /** How long COMMIT may wait for its answer (a synchronous replica may be gone). Then: `outcome-unknown`. */
  commitMs: number
  /** How long a transaction may stand idle between two statements; PostgreSQL ends it (`timeout`). */
  idleInTransactionMs: number
  /** A connection unused for so long is closed; one is kept. */
  idleMs: number
  /**
   * Named prepared statements that each connection keeps; the least recently used one makes room. A statement counts
   * once per slot that it ran in, and takes about 15 KB of PostgreSQL's memory.
   */
  preparedMax: number
  /** How long a statement that meets a fence is repeated. The topology's `database.holdMsMax` when not given. */
  holdMsMax?: number
  /** Waits between repetitions: exponential, with full jitter. */
  backoff: { baseMs: number; capMs: number }
  /** How long `stop` waits for what is in flight. */
  closeMs: number
}

export const routerDefaults: RouterOptions = {
  poolMax: 10,
  waitersMax: 5_000,
  waitMs: 10_000,
  connectMs: 3_000,
  statementMs: 10_000,
  silenceMs: 2_000,
  commitMs: 10_000,
  idleInTransactionMs: 30_000,
  idleMs: 30_000,
  preparedMax: 1_000,
  backoff: { baseMs: 5, capMs: 100 },
  closeMs: 5_000,
}
