// What every queue engine promises: a job that was published is handled at least once.
//
// Job: a named payload. Lease: the time in which a worker that took a job must finish it or renew; a job whose lease
// ran out is handed out again. Attempt: one handing out. Dead: given up after the last attempt, kept with its reason.

import type { QueryExecutorProvider } from 'kysely'

export type Payload = Readonly<Record<string, unknown>>

export interface PublishOptions {
  /** Not handed out before so many milliseconds from now. */
  delayMs?: number
  /** A second publish with this id, while the first job is kept, changes nothing. */
  deduplicationId?: string
}

export interface Job<P extends Payload = Payload> {
  readonly id: string
  readonly queue: string
  readonly payload: P
  /** 1 for the first. */
  readonly attempt: number
  readonly publishedAt: Date
  /** Aborts when the lease is lost or the worker drains. */
  readonly signal: AbortSignal
}

export type Handler<P extends Payload = Payload> = (job: Job<P>) => Promise<void>

export interface HandleOptions {
  /** Jobs of this queue at once in one process. */
  concurrency?: number
  attemptsMax?: number
  leaseMs?: number
  backoff?: { baseMs: number; capMs: number }
}

/** What apps hold. */
export interface Queue {
  /** Resolves when the job is durable. */
  publish(queue: string, payload: Payload, options?: PublishOptions): Promise<void>
  /** Publishes inside a database transaction: the job exists if and only if the transaction commits. */
  in(tx: QueryExecutorProvider): Pick<Queue, 'publish'>
  /** Registers the handler of a queue; once per queue, in `setup`. It runs where the topology puts workers. */
  handle<P extends Payload>(queue: string, options: HandleOptions, handler: Handler<P>): void
}

export interface TakenJob {
  id: string
  /** Where the engine keeps it; opaque to the caller. */
  home: string
  queue: string
  payload: Payload
  attempt: number
  publishedAt: Date
}

/** What an engine implements; checks, retries, backoff and channels are written once in queue.ts. All may be called at once. */
export interface QueueEngine {
  publish(jobs: ReadonlyArray<{ queue: string; payload: Payload; options: PublishOptions }>): Promise<void>
  publishIn(tx: QueryExecutorProvider, queue: string, payload: Payload, options: PublishOptions): Promise<void>
  /** Up to `max` jobs, each leased to this caller for `leaseMs`; empty when there are none. */
  take(queue: string, max: number, leaseMs: number): Promise<TakenJob[]>
  /** True while the lease still was ours. */
  renew(job: TakenJob, leaseMs: number): Promise<boolean>
  /** Forgets the job. Resolves too when the lease was lost; the job may then run again. */
  done(jobs: readonly TakenJob[]): Promise<void>
  /** Hands the job back, to be taken again after `delayMs`. Does not count as an attempt when `refund`. */
  retry(job: TakenJob, delayMs: number, reason: string, refund?: boolean): Promise<void>
  dead(job: TakenJob, reason: string): Promise<void>
  /** Waiting, leased and dead jobs by queue. */
  depth(): Promise<Array<{ queue: string; waiting: number; leased: number; dead: number; oldestMs: number }>>
  close(): Promise<void>
}
