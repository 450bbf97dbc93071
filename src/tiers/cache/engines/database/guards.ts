// Locks and rate limits of systems without cache nodes, opened over the database of the app.

import { fileURLToPath } from 'node:url'
import type { Database } from '../../../database/contract.ts'
import type { Locks, RateLimiter } from '../../shared/contract.ts'
import { DatabaseLocks, type LockTables } from './locks.ts'
import { DatabaseRateLimiter, type LimitTables } from './rate-limit.ts'
import { CacheSlots, type SlotOptions } from './slots.ts'

/** SQL files of this engine, run before it is opened. */
export const databaseCacheMigrations = fileURLToPath(new URL('migrations', import.meta.url))

export interface DatabaseGuards {
  locks: Locks
  rateLimiter: RateLimiter
  /** Forgets what is over. May be called by several processes at once. */
  sweep(): Promise<void>
}

/** Nothing to close: the database is the caller's. */
export function openDatabaseLocks<DB>(database: Database<DB>, options: SlotOptions): DatabaseGuards {
  const tables = database as unknown as Database<LockTables & LimitTables>
  const slots = new CacheSlots(tables, options)
  const locks = new DatabaseLocks(slots as unknown as CacheSlots<LockTables>)
  const rateLimiter = new DatabaseRateLimiter(slots as unknown as CacheSlots<LimitTables>)
  return {
    locks,
    rateLimiter,
    async sweep() {
      await locks.sweep()
      await rateLimiter.sweep()
    },
  }
}
