// What every engine of streams promises: an entry that was appended is read by every group at least once, in order.
//
// Stream: a named log, kept for a time whoever has read it. Entry: what is appended. Key: entries of one key keep their order.
// Partition: a part of a stream with an order of its own; a key is always in the same one. Lane: a partition on a shard.
// Group: readers that share a stream among them and have a place in it. Place: everything before it is handled.
// Epoch: grows when a lane changes hands or is rewound; what comes with an older one is refused.

import type { QueryExecutorProvider } from 'kysely'

export type EntryPayload = Readonly<Record<string, unknown>>

export interface Entry<P extends EntryPayload = EntryPayload> {
  /** Text without spaces; within a lane, a later entry's is greater. */
  readonly position: string
  readonly at: Date
  readonly key: string | undefined
  readonly payload: P
  /** The traceparent of whoever appended it. */
  readonly trace: string | undefined
}

export interface AppendOptions {
  /** Entries of one key are read in the order in which they were appended. Without one, any partition will do. */
  key?: string
}

export interface Appended {
  position: string
}

export interface StreamTerms {
  /** How long an entry is kept at least, read or not. */
  keepMs?: number
  /**
   * How many readers of one group may be at work at once; entries of different keys in different partitions have no order.
   * For ever: a stream that exists keeps its number.
   */
  partitions?: number
}

export interface StreamDefinition<Input = unknown, Output = Input> extends StreamTerms {
  /** What payloads look like: what is appended must fit it, and readers get what it makes of what they read. */
  schema?: EntrySchema<Input, Output>
}

/** Standard Schema v1, as far as it is used here: https://standardschema.dev */
export interface EntrySchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly validate: (value: unknown) => SchemaAnswer<Output> | Promise<SchemaAnswer<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}
type SchemaAnswer<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<{ readonly message: string }> }

/** Where a group begins, or goes back or forward to. An entry that a position names is the next one. */
export type StreamPlace = 'start' | 'now' | { at: Date } | { position: string }

export interface ConsumeOptions {
  group: string
  /** Where a group begins that is not there yet; 'now' unless it is given. */
  from?: StreamPlace
  /** Entries of one call. */
  batchMax?: number
  /** A reader that is not heard of for so long has lost its lanes. */
  leaseMs?: number
  /** Between attempts. A batch that failed is tried again for ever: what comes after it waits, or the order would break. */
  backoff?: { baseMs: number; capMs: number }
}

export interface ConsumeContext {
  /** Aborts when the lane is somebody else's now, or the reader stops. */
  readonly signal: AbortSignal
  /** The same for all entries of one order. */
  readonly lane: string
  /** The place before the first entry. */
  readonly after: string
  /** How often this batch's first entry has failed already, in any process. */
  readonly failed: number
}

/** When it resolves, the entries are handled. When it throws, they are read again, one at a time. */
export type EntryHandler<P extends EntryPayload = EntryPayload> = (
  entries: ReadonlyArray<Entry<P>>,
  context: ConsumeContext,
) => Promise<void>

/** The half of the queue that apps hold for streams. */
export interface Streams {
  /** What a stream is like. Once per stream, in `setup`, before its readers. @throws bad-input, conflict */
  defineStream<Input extends EntryPayload = EntryPayload, Output extends EntryPayload = Input>(
    stream: string,
    definition: StreamDefinition<Input, Output>,
  ): Stream<Input, Output>
  stream(stream: string): Stream
  /** Registers the reader of a group; once per group, in `setup`. It runs where workers run. @throws bad-input, conflict */
  consume<P extends EntryPayload>(stream: string, options: ConsumeOptions, handler: EntryHandler<P>): void
  /** Every lane of the group goes there, also while it is read: what is being handled just then is not kept as handled. @throws not-found */
  rewind(stream: string, group: string, to: StreamPlace): Promise<void>
}

export interface Stream<Input extends EntryPayload = EntryPayload, Output extends EntryPayload = Input> {
  readonly name: string
  /**
   * Resolves when the entry is durable. When it fails with `outcome-unknown` it may be.
   * @throws bad-input; too-large; overloaded; unavailable while no server answers; conflict when it is defined otherwise
   */
  append(payload: Input, options?: AppendOptions): Promise<Appended>
  /** In their order; all of a shard or none of it. */
  appendMany(entries: ReadonlyArray<{ payload: Input } & AppendOptions>): Promise<Appended[]>
  in(tx: QueryExecutorProvider): { append(payload: Input, options?: AppendOptions): Promise<void> }
  consume(options: ConsumeOptions, handler: EntryHandler<Output>): void
  rewind(group: string, to: StreamPlace): Promise<void>
}

/** Inside a database transaction: the entry exists if and only if it commits. */
export interface StreamsIn {
  append(stream: string, payload: EntryPayload, options?: AppendOptions): Promise<void>
}

/** An entry as the tier gives it to an engine: checked, serialised once. */
export interface NewEntry {
  stream: string
  /** JSON. */
  body: string
  key: string | undefined
  trace: string | undefined
}

export interface GroupName {
  stream: string
  group: string
}

export interface HoldRequest extends GroupName {
  /** The process, and which of its lives: two never share one. */
  holder: string
  leaseMs: number
  from: StreamPlace
}

export interface HeldLane extends GroupName {
  /** `<shard>/<partition>` */
  id: string
  epoch: string
}

export interface Held {
  /** All that the holder has now: renewed, or new. What it had and is not among them is lost. */
  lanes: HeldLane[]
  /** So many of them are more than its share: others wait for some. */
  surplus: number
}

export interface ReadRequest {
  /** 0 to keep what was handled, and no more. */
  max: number
  /** Everything up to this position is handled: kept, before more is read. */
  handled?: string
}

export interface ReadAnswer {
  entries: Entry[]
  /** The place before the first of them. */
  after: string
  /** How often the first of them has failed. */
  failed: number
}

export interface GroupState {
  group: string
  lanes: Array<{
    id: string
    position: string
    /** Entries not handled yet; counted up to 10,000: `isMore`. */
    lag: number
    isMore: boolean
    /** Age of the first of them. */
    oldestMs: number
    holder?: string
    /** Attempts that failed at the first of them, and why the last one did. */
    failed: number
    reason?: string
  }>
}

export interface StreamState {
  stream: string
  partitions: number
  keepMs: number
  /** When the newest entry was appended. */
  newestAt?: Date
  groups: GroupState[]
}

/** What an engine implements; batches, readers, retries and checks are written once in the tier. All may be called at once. */
export interface StreamEngine {
  /** Makes the stream, or takes over its retention; answers what it has. May be called again. @throws conflict when it has other partitions */
  define(stream: string, definition: StreamTerms): Promise<Required<StreamTerms>>
  /** In the order of `entries`; resolves when all are durable. Streams that nobody defined get the defaults. */
  append(entries: readonly NewEntry[]): Promise<Appended[]>
  appendIn(tx: QueryExecutorProvider, entries: readonly NewEntry[]): Promise<void>
  /** Says that the holder lives, renews its lanes and takes what is free of its share. Makes the group when there is none. */
  hold(request: HoldRequest): Promise<Held>
  /** What comes next in a lane; at once, and empty when there is nothing. 'lost' when the epoch is another one: nothing was kept. */
  read(lane: HeldLane, request: ReadRequest): Promise<ReadAnswer | 'lost'>
  /** Notes that the next entry's handler failed. */
  failed(lane: HeldLane, reason: string): Promise<void>
  /** Lets go of lanes, each with what was handled last; others may take them at once. */
  letGo(lanes: ReadonlyArray<{ lane: HeldLane; handled?: string }>): Promise<void>
  /** The holder reads no more for the group. Its lanes are let go of before. */
  leave(request: GroupName & { holder: string }): Promise<void>
  /** What earlier lives of this process held is free; answers how many lanes. */
  release(node: string): Promise<number>
  /** @throws not-found, bad-input for a position of no use */
  rewind(name: GroupName, to: StreamPlace): Promise<void>
  list(): Promise<StreamState[]>
  /** Calls `hint` when something may have come. Best effort: readers look besides. */
  watch(hint: (stream: string) => void): { close(): Promise<void> }
  /** Lets go of what is kept no longer. */
  sweep(): Promise<void>
  close(): Promise<void>
}
