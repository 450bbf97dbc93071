// The limits of write-back, in one place.

import type { BaseLogger } from 'pino'
import type { Backoff } from '../../../base/backoff.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Random } from '../../../base/random.ts'

export interface WriteBackLimits {
  /** Writes of one name that one process stores at the same time, each of another key. */
  concurrency: number
  /** So long after its process was killed a write is taken by another one. One that lives extends it three times within. */
  leaseMs: number
  /** After it the signal of a store aborts, and a while later nobody waits for it any more. */
  storeMsMax: number
  storeGraceMs: number
  /** Between two tries to store; without an end, since a write that was acknowledged is never given up. */
  backoff: Backoff
  /** A process that finds nothing due looks again after so long, twice as long each time up to the second figure. */
  pollMsMin: number
  pollMsMax: number
  /** Keys of a name that were written here and are stored next without looking; what is above it is found by looking. */
  hintsMax: number
}

export const writeBackLimits: WriteBackLimits = {
  concurrency: 8,
  leaseMs: 10_000,
  storeMsMax: 30_000,
  storeGraceMs: 5000,
  backoff: { baseMs: 100, capMs: 30_000 },
  pollMsMin: 50,
  pollMsMax: 1000,
  hintsMax: 10_000,
}

export interface WriteBackContext {
  log: Pick<BaseLogger, 'warn' | 'error'>
  clock: Clock
  random: Random
  limits: WriteBackLimits
}
