// What schedules promise: each time at which one is due publishes one job, whatever number of processes look, die, or have
// clocks that differ. What was missed while nobody looked is made up for by one job.
//
// Due: its time has come by the clock of the database, the only one that counts. Definition: cron expression and time zone; a
// deploy may change them while processes of both versions run.

import type { QueryExecutorProvider } from 'kysely'

export interface ScheduleDefinition {
  name: string
  queue: string
  cron: string
  timeZone: string
}

export interface KeptSchedule extends ScheduleDefinition {
  nextAt: Date
  /** The time for which it fired last; undefined: it never did. */
  firedFor: Date | undefined
  firedAt: Date | undefined
  fired: number
  lastJob: string | undefined
  /** When a process that has this definition looked last. */
  seenAt: Date
}

/** Where schedules are kept, on every rung in PostgreSQL. All may be called at once, and again. */
export interface ScheduleStore {
  /** As it is kept, and the time by which things are due. */
  look(name: string): Promise<{ now: Date; kept: KeptSchedule | undefined }>
  /** Begins it, or gives it another definition. What is due already stays due; else it is due next at `nextAt`. */
  put(definition: ScheduleDefinition, nextAt: Date): Promise<void>
  /** A process that has this definition is there. */
  seen(definition: ScheduleDefinition): Promise<void>
  /** Is due earlier than it would be. Nothing happens when it was moved on meanwhile, or has another definition. */
  advance(definition: ScheduleDefinition, nextAt: { from: Date; to: Date }): Promise<void>
  /**
   * Moves it on from `dueAt` to what `nextAfter` answers for the time at which it fires, and publishes: both or neither. False when it was moved on already, is not due, or has
   * another definition. `publish` answers the job's id; both may be called again, when the transaction is.
   * @throws outcome-unknown when nobody knows whether it did: look again.
   */
  fire(
    definition: ScheduleDefinition,
    due: { dueAt: Date; nextAfter(now: Date): Date },
    publish: (tx: QueryExecutorProvider) => Promise<string>,
  ): Promise<boolean>
  /** By name; at most 1000. */
  list(): Promise<KeptSchedule[]>
  /** Forgets those that no process has had for a week. */
  sweep(): Promise<void>
}
