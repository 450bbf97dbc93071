// What every queue engine promises: a job that was published is handled at least once.
//
// Job: a named payload. Lease: the time in which a worker that took a job must finish it or renew; a job whose lease
// ran out is handed out again. Attempt: one handing out. Dead: given up after the last attempt, kept with its reason.
// Holder: the worker process that has the lease, named so that its successor can give it back.

import type { QueryExecutorProvider } from 'kysely'
import type { Streams, StreamsIn } from './streams/contract.ts'

export type Payload = Readonly<Record<string, unknown>>

export interface PublishOptions {
  /** Not handed out before so many milliseconds from now. */
  delayMs?: number
  /** 0 to 9, higher first; 0 unless it is given. One of a lower priority that a worker has taken already still runs before it. */
  priority?: number
  /** Jobs of one key are handled one after the other, in the order of publishing; a failing one is waited for. */
  key?: string
  /** A second publish with this id, while the first job is kept, changes nothing. */
  deduplicationId?: string
  /** ... and for so long after the first publish, whether its job is kept or not. */
  deduplicationWindowMs?: number
}

export interface Published {
  id: string
  /** False when a job that was there already had the deduplication id; `id` is that one's. */
  isNew: boolean
}

export interface Job<P extends Payload = Payload> {
  readonly id: string
  readonly queue: string
  readonly payload: P
  /** 1 for the first. */
  readonly attempt: number
  readonly publishedAt: Date
  readonly key: string | undefined
  readonly priority: number
  /** The traceparent of whoever published it. */
  readonly trace: string | undefined
  /** Aborts when the lease is lost, the time is over, it was canceled, or the worker drains. */
  readonly signal: AbortSignal
  /** How far it is, for whoever looks at the job; says as well that it goes on. Written at most once a second. */
  progress(value: number | Payload): void
  /** Says that it goes on: see heartbeatMs. */
  heartbeat(): void
}

/** A job among those of one call. */
export interface BatchJob<P extends Payload = Payload> extends Job<P> {
  /** This one failed, whatever becomes of the others. */
  fail(reason: unknown): void
}

export type Handler<P extends Payload = Payload> = (job: Job<P>) => Promise<void>
/** When it throws, all of them failed. */
export type ManyHandler<P extends Payload = Payload> = (jobs: ReadonlyArray<BatchJob<P>>) => Promise<void>

export interface Rate {
  count: number
  perMs: number
}

export interface HandleOptions {
  /** Jobs of this queue at once in one process; calls at once with handleMany. */
  concurrency?: number
  /** Jobs at once in all processes together. */
  concurrencyMax?: number
  /** Jobs started in all processes together. */
  rate?: Rate
  /** ... of each key. Jobs without a key have none. */
  keyRate?: Rate
  attemptsMax?: number
  leaseMs?: number
  backoff?: { baseMs: number; capMs: number }
  /** A run that takes longer is aborted, and failed. */
  timeoutMs?: number
  /** ... as does one that says nothing (`heartbeat`, `progress`) for so long. */
  heartbeatMs?: number
}

export interface HandleManyOptions extends HandleOptions {
  /** Jobs of one call. */
  batchMax?: number
  /** How long a call waits to be full. */
  batchWaitMs?: number
}

/** What a handler in a thread leaves to its process, which has the tiers. Both run on the event loop. */
export interface BesideThread<P extends Payload = Payload, Given = unknown, Made = unknown> {
  /** The handler's second argument, copied into the thread. Undefined: there is nothing to do any more, and the job is done. */
  before?: (job: Job<P>) => Promise<Given | undefined>
  /** Is given what the handler answered, copied out of the thread (a Buffer is a Uint8Array then). The job is done when this is. */
  after?: (job: Job<P>, made: Made) => Promise<void>
}

/** Any schema library that speaks Standard Schema (standardschema.dev): zod 4, valibot, arktype. */
export interface PayloadSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<{ readonly message: string; readonly path?: ReadonlyArray<unknown> | undefined }> }

export interface ScheduleOptions {
  /** Five fields, or six with seconds first (schedules/cron.ts). */
  cron: string
  /** IANA name; UTC unless it is given. */
  timeZone?: string
  queue: string
  /** Or what it is for the time at which it was due, which may be a while ago: a digest is of that day. */
  payload?: Payload | ((dueAt: Date) => Payload)
  priority?: number
  key?: string
}

export interface QueueDefinition<Input extends Payload, Output extends Payload> {
  /** What is published must fit it, and what fits it not when it is taken is dead at once. The handler gets what it made of it. */
  schema?: PayloadSchema<Input, Output>
  /** Publishes are refused with `overloaded` while about so many jobs wait. */
  waitingMax?: number
}

/** A queue whose payloads are known. */
export interface TypedQueue<Input extends Payload, Output extends Payload = Input> {
  readonly name: string
  publish(payload: Input, options?: PublishOptions): Promise<Published>
  publishMany(jobs: ReadonlyArray<PublishOptions & { payload: Input }>): Promise<Published[]>
  in(tx: QueryExecutorProvider): Pick<TypedQueue<Input, Output>, 'publish' | 'publishMany'>
  handle(options: HandleOptions, handler: Handler<Output>): void
  handleMany(options: HandleManyOptions, handler: ManyHandler<Output>): void
  handleInThread<Given, Made>(options: HandleOptions, file: URL, beside?: BesideThread<Output, Given, Made>): void
}

/** Where jobs are published: right away, or with a transaction. */
export interface Publisher {
  /**
   * Resolves when the job is durable. May be called again with the same deduplicationId, whatever became of the first call.
   * @throws bad-input, too-large; overloaded when too many jobs wait
   */
  publish(queue: string, payload: Payload, options?: PublishOptions): Promise<Published>
  /** Many in one go, in their order. All of them exist, or none where one shard keeps them (always within a transaction). */
  publishMany(queue: string, jobs: ReadonlyArray<PublishOptions & { payload: Payload }>): Promise<Published[]>
}

/** What apps hold. */
export interface Queue extends Publisher, Streams {
  /** Publishes and appends inside a database transaction: the job or entry exists if and only if the transaction commits. */
  in(tx: QueryExecutorProvider): Publisher & StreamsIn
  /** What payloads of a queue look like, and how many may wait. Once per queue, in `setup`, before its handler. */
  define<Input extends Payload = Payload, Output extends Payload = Input>(
    queue: string,
    definition: QueueDefinition<Input, Output>,
  ): TypedQueue<Input, Output>
  /** Registers the handler of a queue; once per queue, in `setup`. It runs where the topology puts workers. */
  handle<P extends Payload>(queue: string, options: HandleOptions, handler: Handler<P>): void
  /** Many jobs in one call, for handlers that save by it. */
  handleMany<P extends Payload>(queue: string, options: HandleManyOptions, handler: ManyHandler<P>): void
  /**
   * Off the event loop: the default export of `file` is the handler, and runs in a thread that a time-out, a lost lease
   * or a cancel ends. `concurrency` is the number of threads. A thread has no tiers: `beside` fetches and keeps for it.
   */
  handleInThread<P extends Payload = Payload, Given = unknown, Made = unknown>(
    queue: string,
    options: HandleOptions,
    file: URL,
    beside?: BesideThread<P, Given, Made>,
  ): void
  /**
   * Publishes by the clock, once over all processes: by a cron expression of five fields (six with seconds) on the clocks of
   * a time zone, UTC unless it is given. What was missed while nothing ran is made up for by one job. Once per name, in `setup`.
   * @throws bad-input
   */
  schedule(name: string, options: ScheduleOptions): void
  /**
   * 'canceled': it never ran, or waited for its next attempt, and is gone. 'asked': a worker has it, and its signal aborts.
   * 'unknown': done, dead or never there.
   */
  cancel(queue: string, id: string): Promise<'canceled' | 'asked' | 'unknown'>
  /** Undefined when it is done, or never was. */
  job(queue: string, id: string): Promise<(JobState & { progress?: unknown }) | undefined>
}

/** A job as the tier gives it to an engine: checked, serialised once. */
export interface NewJob {
  queue: string
  /** JSON of an object. */
  body: string
  options: PublishOptions
  /** The traceparent of whoever publishes. */
  trace?: string | undefined
}

export interface TakenJob {
  id: string
  /** Where the engine keeps it, and under which lease; opaque to the caller. */
  home: string
  queue: string
  payload: Payload
  /** 1 for the first. */
  attempt: number
  publishedAt: Date
  key: string | undefined
  priority: number
  trace: string | undefined
  /** The last attempt ended without a word: its worker died, or stood still. */
  isSuspect: boolean
}

export interface TakeRequest {
  queue: string
  max: number
  leaseMs: number
  /** Same name, same process or its successor: see `release`. */
  holder: string
  /** Jobs with a key, or those without. For an engine that stands on another one, which is the one to know it. */
  only?: 'keyed' | 'unkeyed'
}

export interface JobFailure {
  attempt: number
  at: Date
  reason: string
  holder: string | undefined
}

export interface JobState {
  id: string
  queue: string
  /** delayed: also one that waits for its next attempt. */
  state: 'waiting' | 'delayed' | 'leased' | 'dead'
  attempt: number
  publishedAt: Date
  key: string | undefined
  priority: number
  trace: string | undefined
  payload: Payload
  /** When a delayed job may be handed out, or a lease ends. */
  until: Date | undefined
  holder: string | undefined
  /** The newest 10, oldest first. */
  failures: JobFailure[]
}

/**
 * Counts end at 100,000 each and shard, so that looking costs little: `isMore` then, and there are at least so many. `waiting` gets
 * there beside up to 10,000 that are leased. `oldestMs` is right however many there are.
 */
export interface QueueDepth {
  queue: string
  /** Jobs that could be taken now, were it their key's turn. */
  waiting: number
  /** Not yet: published with a delay, or waiting for the next attempt. */
  delayed: number
  leased: number
  dead: number
  isMore: boolean
  /** Age of the oldest waiting job: since when it could have been taken. */
  oldestMs: number
}

/** What an engine implements; checks, retries, backoff, batches and channels are written once in the tier. All may be called at once. */
export interface QueueEngine {
  /** Publishes go out as they come, many of them under way, each with a deadline of its own: nobody gathers them. */
  readonly pipelines?: boolean
  /** Answers in the order of `jobs`, when all are durable. Jobs of one key keep that order. */
  publish(jobs: readonly NewJob[]): Promise<Published[]>
  /** They exist if and only if the transaction commits. */
  publishIn(tx: QueryExecutorProvider, jobs: readonly NewJob[]): Promise<Published[]>
  /** Up to `max` jobs, each leased to `holder`, in the order in which they should be handled; empty when there are none. */
  take(request: TakeRequest): Promise<TakenJob[]>
  /**
   * Names where the job lies. Ends and renewals of one place wait, succeed and fail together; the tier asks for those of each place
   * apart, so that one that is away or slow holds nobody up but its own jobs. There are few places, whatever the jobs are.
   */
  placeOf(job: TakenJob): string
  /** Answers those whose lease was not ours any more, or that were canceled. */
  renew(jobs: readonly TakenJob[], leaseMs: number): Promise<Array<{ job: TakenJob; why: 'lost' | 'canceled' }>>
  /** Forgets the jobs. Resolves too when a lease was lost; that job may then run again. */
  done(jobs: readonly TakenJob[]): Promise<void>
  /** Hands the job back, to be taken again after `delayMs`. Does not count as an attempt when `refund`. */
  retry(job: TakenJob, delayMs: number, reason: string, refund?: boolean): Promise<void>
  /** Keeps the job among the dead with its reason. */
  dead(job: TakenJob, reason: string): Promise<void>
  /** What a process of that name holds is free again; answers how many. 0 where an engine waits for the leases' end. */
  release(holder: string): Promise<number>
  /** 'canceled': it never ran, or waited for its next attempt, and is gone. 'asked': a worker has it, and hears at its next renewal. 'unknown': done, dead or never there. */
  cancel(queue: string, id: string): Promise<'canceled' | 'asked' | 'unknown'>
  job(queue: string, id: string): Promise<JobState | undefined>
  /** Waiting, leased and dead jobs by queue; queues that have none are left out. */
  depth(): Promise<QueueDepth[]>
  /** Calls `hint` when jobs of a queue may have come, from any process. Best effort: workers poll besides. May be called again. */
  watch(hint: (queue: string) => void): { close(): Promise<void> }
  close(): Promise<void>
}
