// What the database tier promises to the app and to the other tiers. Types and words, no code.
//
// Slot: a logical shard, a PostgreSQL schema `slot_000` .. `slot_063` that holds one leaf of every sharded table.
// Shard: a primary with its replicas, owning slots. Sharded table: its DDL says PARTITION BY HASH (one column).
// Reference table: any other table; whole on every shard, in schema `public`.
// Source: a server that answers for a shard, its primary or one of its replicas. Writes have one, reads have several.
// Scope: what belongs to one user's request. Inside of one, nothing is read that is older than what the user has seen.

import type { CompiledQuery, Kysely, Transaction } from 'kysely'

/** A sharding key. Numbers and bigints are hashed as int8, strings as text, as PostgreSQL hashes the column. */
export type Key = string | number | bigint

/**
 * Where a read is answered. primary: the newest there is. replica: any replica within the topology's bounds of lag, also
 * one that is behind the user's own writes; the primary when there is none. A write ignores it.
 */
export type ReadFrom = 'primary' | 'replica'

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable'
  /** PostgreSQL refuses writes in it, and so it may run on a replica, as a read may. */
  readOnly?: boolean
  /** See SlotDatabase.within: the work is given up, the server's statement under way cancelled, the rest rolled back. */
  signal?: AbortSignal
}

/** Narrows where and how long statements run; each answers a new view of the same rows, and costs no I/O. */
export interface Narrowed<Self> {
  /** The same rows, read from there. */
  from(source: ReadFrom): Self
  /**
   * The same rows, each statement or transaction answered within `ms`. Then a statement that still waits in line fails
   * with `timeout` and certainly did not run; a read is cancelled: `timeout`; a transaction before its COMMIT is rolled
   * back: `timeout`; a write that commits by itself and a COMMIT are never cancelled: `outcome-unknown`.
   * The `signal` that Kysely's `execute({ signal })` takes does the same at the moment it aborts, with its reason as cause.
   */
  within(ms: number): Self
}

/**
 * Kysely, bound to the slot of one key: sharded tables mean that slot's leaf, reference tables stay themselves.
 * A statement that meets a fence (the primary moved) is repeated where the slot is now, invisibly, up to the
 * topology's `database.holdMsMax`; then it fails with `unavailable`.
 */
export interface SlotDatabase<DB>
  extends Pick<
      Kysely<DB>,
      | 'selectFrom'
      | 'insertInto'
      | 'updateTable'
      | 'deleteFrom'
      | 'mergeInto'
      | 'with'
      | 'withRecursive'
      | 'fn'
      | 'dynamic'
      | 'selectNoFrom'
    >,
    Narrowed<SlotDatabase<DB>> {
  readonly slot: number
  /**
   * Runs `work` in one transaction and commits when it resolves. `work` runs again from its start when the
   * transaction met a fence before its commit was sent, so effects outside of the database do not belong in it.
   * @throws outcome-unknown when the connection broke after COMMIT was sent: never reported as success.
   */
  transaction<T>(work: (tx: Transaction<DB>) => Promise<T>, options?: TransactionOptions): Promise<T>
  execute<Row>(query: CompiledQuery<Row>, options?: { signal?: AbortSignal }): Promise<Row[]>
}

/** Kysely over the tables that are whole on every shard. */
export type ReferenceDatabase<DB> = Kysely<DB> & Narrowed<ReferenceDatabase<DB>>

export interface ScatterOptions<Row> {
  /** How the shards' rows are merged; give the same order in the statement. */
  orderBy?: ReadonlyArray<{ column: keyof Row & string; direction: 'asc' | 'desc' }>
  limit?: number
  from?: ReadFrom
  /** See SlotDatabase.within, for each shard's statement. */
  withinMs?: number
  /** Shards that do not answer are left out, unless none does: for whoever looks again anyway. */
  isPartial?: boolean
}

export interface Database<DB> {
  /** The slot of a key. Cheap: no I/O, the same object for the same slot. */
  of(key: Key): SlotDatabase<DB>
  /**
   * The slot of that number: for tiers, whose own sharded tables (`tenfold_...`) have keys of another kind than the
   * app's. They hash the key themselves (hash.ts). No I/O, the same object as `of` gives.
   */
  slot(slot: number): SlotDatabase<DB>
  /** The slot's number of a key, 0..63. */
  slotOf(key: Key): number
  /** One read-only statement on every shard over all of its slots; the rows merged by `orderBy` and cut at `limit`. */
  scatter<Row>(
    statement: (db: Kysely<DB>) => { execute(): Promise<Row[]> },
    options?: ScatterOptions<Row>,
  ): Promise<Row[]>
  /** Tables that are whole on every shard: reads from the nearest, writes to all. */
  readonly reference: ReferenceDatabase<DB>
  /** The shards themselves, for tiers that keep their own tables on each (the queue). */
  shards(): readonly ShardDatabase[]
  readonly causality: Causality
}

/**
 * Reads of one's own writes, on any process: whoever serves a user opens a scope for each request, with the token that
 * the user's last one ended with, and hands out the token again. Outside of a scope every read is the primary's.
 */
export interface Causality {
  /**
   * A token: what its user has seen. `unknown`: a user who may have seen anything and brings no token, and so reads from
   * the primary. Undefined: somebody who has seen nothing; any replica within the bounds of lag will do. A text that is no
   * token counts as unknown. No I/O.
   */
  open(token: string | 'unknown' | undefined): CausalScope
  /** Runs `work` in the scope: every statement that it begins, or that what it begins begins. */
  run<T>(scope: CausalScope, work: () => T): T
  /**
   * Runs `work` so that it reads what its user may not need: the newest, from the primary. For what is kept and then given to
   * others, who may have seen more. The user has seen what it sees.
   */
  newest<T>(work: () => T): T
}

export interface CausalScope {
  /**
   * What its user has seen by now; opaque text of at most 2 KiB without spaces, quotes, commas, semicolons. It only grows.
   * `unknown` when a write's position was lost. Undefined while there is nothing to remember.
   */
  readonly token: string | undefined
  /** What made the token differ from the one that the scope was opened with; undefined: it does not. */
  readonly grewBy: 'read' | 'write' | undefined
}

/**
 * What the executor of a transaction (`tx.getExecutor()`) offers beside Kysely's, for tiers: `work` is called once the
 * transaction has committed, never when it was rolled back or its outcome is unknown. It must not throw.
 */
export interface CommitNotice {
  afterCommit(work: () => void): void
}

/** A shard, addressed as such: for tiers, not for apps. Same retries and errors as SlotDatabase. */
export interface ShardDatabase {
  readonly id: string
  query<Row>(text: string, values?: readonly unknown[], options?: ShardQueryOptions): Promise<Row[]>
}

export interface ShardQueryOptions {
  from?: ReadFrom
  followUp?: FollowUp
}

/**
 * A statement in the same flight as another, run when that one has committed or failed. It costs no round trip, and nobody
 * hears what becomes of it.
 */
export interface FollowUp {
  readonly text: string
  readonly values: readonly unknown[]
}
