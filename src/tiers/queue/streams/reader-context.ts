// What a reader has from outside: time, chance and a place to say what went wrong.

import type { BaseLogger } from 'pino'
import type { Clock } from '../../../base/clock.ts'
import type { Random } from '../../../base/random.ts'

export interface ReaderContext {
  log: Pick<BaseLogger, 'warn' | 'error'>
  clock: Clock
  random: Random
}
