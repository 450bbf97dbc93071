// The app, as its author sees it. One value, the same on every rung.

import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { Transaction } from 'kysely'
import type { Cache } from '../cache/contract.ts'
import type { Locks, RateLimiter } from '../cache/shared/contract.ts'
import type { Database, SlotDatabase } from '../database/contract.ts'
import type { Queue } from '../queue/contract.ts'
import type { Session, UserSessions } from '../session/contract.ts'
import type { Kpi } from '../telemetry/contract.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Loaded before the handler runs. */
    session: Session
  }
}

/** What `setup` is given: the tiers. */
export interface Tiers<DB> {
  http: FastifyInstance
  db: Database<DB>
  cache: Cache
  /** Locks that all processes agree on, with fencing tokens: whoever guards something with one has it refuse lower tokens. */
  locks: Locks
  /** Limits that all processes count together. */
  limiter: RateLimiter
  queue: Queue
  /** The sessions of any user, to show where somebody is logged in and to end it. The request's own is `request.session`. */
  sessions: UserSessions
  kpi: Kpi
  /**
   * The address of a file of the app's `assets`, with a hash of its content in it: `asset('app.css')` is
   * `/assets/app.3f2a1c9b.css`. What is there never changes, so that browsers and the edge keep it for a year.
   * @throws bad-input when there is no such file.
   */
  asset(name: string): string
  log: FastifyBaseLogger
  /**
   * Runs `work` once per Idempotency-Key header of the request and gives every repetition the first answer; without
   * the header, just runs it. The key is kept in the same transaction as the work's own writes.
   */
  once<T>(request: FastifyRequest, db: SlotDatabase<DB>, work: (tx: Transaction<DB>) => Promise<T>): Promise<T>
}

export interface App<DB = unknown> {
  /** Directory of plain SQL files, applied in the order of their names. Relative to the app's file. */
  migrations?: string
  /** Directory served under `/assets/`; see `asset`. Relative to the app's file. */
  assets?: string
  setup(tiers: Tiers<DB>): void | Promise<void>
}
