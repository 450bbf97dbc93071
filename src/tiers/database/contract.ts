// What the database tier promises to the app and to the other tiers. Types and words, no code.
//
// Slot: a logical shard, a PostgreSQL schema `slot_000` .. `slot_063` that holds one leaf of every sharded table.
// Shard: a primary with its replicas, owning slots. Sharded table: its DDL says PARTITION BY HASH (one column).
// Reference table: any other table; whole on every shard, in schema `public`.

import type { CompiledQuery, Kysely, Transaction } from 'kysely'

/** A sharding key. Numbers and bigints are hashed as int8, strings as text, as PostgreSQL hashes the column. */
export type Key = string | number | bigint

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable'
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
  > {
  readonly slot: number
  /**
   * Runs `work` in one transaction and commits when it resolves. `work` runs again from its start when the
   * transaction met a fence before its commit was sent, so effects outside of the database do not belong in it.
   * @throws outcome-unknown when the connection broke after COMMIT was sent: never reported as success.
   */
  transaction<T>(work: (tx: Transaction<DB>) => Promise<T>, options?: TransactionOptions): Promise<T>
  execute<Row>(query: CompiledQuery<Row>): Promise<Row[]>
}

export interface ScatterOptions<Row> {
  /** How the shards' rows are merged; give the same order in the statement. */
  orderBy?: ReadonlyArray<{ column: keyof Row & string; direction: 'asc' | 'desc' }>
  limit?: number
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
  readonly reference: Kysely<DB>
  /** The shards themselves, for tiers that keep their own tables on each (the queue). */
  shards(): readonly ShardDatabase[]
}

/** A shard, addressed as such: for tiers, not for apps. Same retries and errors as SlotDatabase. */
export interface ShardDatabase {
  readonly id: string
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
}
