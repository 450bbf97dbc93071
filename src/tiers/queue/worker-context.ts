// What a worker has from outside: time, chance and a place to say what went wrong.

import type { BaseLogger } from 'pino'
import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'

export interface WorkerContext {
  log: Pick<BaseLogger, 'warn' | 'error'>
  clock: Clock
  random: Random
  /** Who has the leases of this process's jobs. */
  holder: string
}
