// The limits of the database router: the one place for their defaults.

export interface RouterOptions {
  /** Connections of this process to one server. Two web servers and a worker fit three times into PostgreSQL's 100. */
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
  /** How often at most the map is read again because a server or a token hints at a newer one. */
  refreshMs: number
  /** Waits between repetitions: exponential, with full jitter. */
  backoff: { baseMs: number; capMs: number }
  /** While reads go to replicas: how old what is known of a position may be before it is asked for. */
  positionMs: number
  /** While none do. */
  positionIdleMs: number
  /** So long after the last such read, there are none. */
  positionBusyMs: number
  /** A replica whose position is older is not read from. */
  positionOldMs: number
  /** A replica that does not say for so long where it stands hangs: what it has under way is asked of the primary. */
  sourceHangMs: number
  /**
   * How much longer a write that its caller was told to be of unknown outcome keeps its connection, while the server
   * answers others: it waits for a synchronous replica, and a new connection in its place would only wait beside it.
   */
  overdueMs: number
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
  refreshMs: 100,
  backoff: { baseMs: 5, capMs: 100 },
  positionMs: 20,
  positionIdleMs: 1_000,
  positionBusyMs: 1_000,
  positionOldMs: 2_500,
  sourceHangMs: 1_000,
  overdueMs: 60_000,
  closeMs: 5_000,
}
