// What is kept of jobs besides their place in line: in PostgreSQL on every rung, whatever engine has the line.
//
// Dead letter: a job that was given up, with its reason. Grant: leave to start so many jobs, which counts against the limits of
// all processes together. Slot: one of the jobs that may run at once.

import type { JobFailure, Payload, Rate } from '../contract.ts'

export interface DeadLetter {
  id: string
  queue: string
  payload: Payload
  attempt: number
  publishedAt: Date
  diedAt: Date
  reason: string
  key: string | undefined
  priority: number
  trace: string | undefined
  /** The newest 10, oldest first. */
  failures: JobFailure[]
}

export interface DeadLetterPage {
  letters: DeadLetter[]
  /** Give it as `before` for the next page; undefined on the last one. */
  next: string | undefined
}

/** All may be called at once and again. */
export interface DeadLetters {
  /** Keeps them; those that are kept already stay as they are. */
  bury(letters: readonly DeadLetter[]): Promise<void>
  /** Newest first. `limit` is at most 1000. */
  list(options: { queue?: string; limit: number; before?: string }): Promise<DeadLetterPage>
  /** Those of the ids that are kept. */
  find(ids: readonly string[]): Promise<DeadLetter[]>
  /** Answers how many there were. */
  drop(ids: readonly string[]): Promise<number>
}

export interface StartLimits {
  /** Jobs at once. */
  concurrencyMax: number | undefined
  rate: Rate | undefined
}

export interface Grant {
  count: number
  /** When there may be more of the rate, at the earliest. 0: it does not stand in the way. */
  waitMs: number
}

export interface JobLimits {
  /** So many of `wanted` may start now, beside the `held` that run here. Its slots are this holder's until it says otherwise, or for `slotMs`. */
  grant(
    request: { queue: string; holder: string; wanted: number; held: number; slotMs: number },
    limits: StartLimits,
  ): Promise<Grant>
  /** Of what was granted, `unused` did not start; `held` run here now. Also said again, so that the slots stay this holder's. */
  giveBack(
    request: { queue: string; holder: string; unused: number; held: number; slotMs: number },
    limits: StartLimits,
  ): Promise<void>
  /** For each key how long it must wait; 0: it may start now, and was counted. */
  grantKeys(queue: string, keys: readonly string[], rate: Rate): Promise<number[]>
  /** The slots of a process of that name are free. */
  release(holder: string): Promise<void>
}

export interface JobProgress {
  set(values: ReadonlyArray<{ id: string; value: number | Payload }>): Promise<void>
  get(id: string): Promise<unknown>
  clear(ids: readonly string[]): Promise<void>
}

/** Jobs that somebody asked to stop: for those that run, and for lines that cannot be searched. */
export interface JobCancels {
  ask(id: string): Promise<void>
  /** Those of the ids that were asked to stop. */
  among(ids: readonly string[]): Promise<string[]>
  clear(ids: readonly string[]): Promise<void>
}

export interface JobLedger {
  readonly deadLetters: DeadLetters
  readonly limits: JobLimits
  readonly progress: JobProgress
  readonly cancels: JobCancels
  /** Forgets what is over. */
  sweep(): Promise<void>
}
