// What the workers of one process share: the engine and the ledger, time and chance, where outcomes go, and a place to say
// what went wrong.

import type { BaseLogger } from 'pino'
import type { Clock } from '../../../base/clock.ts'
import type { Random } from '../../../base/random.ts'
import type { QueueEngine, TakenJob } from '../contract.ts'
import type { JobLedger } from '../ledger/contract.ts'
import type { Quarantine } from './quarantine/quarantine.ts'

export interface WorkerContext {
  engine: QueueEngine
  /** Resolves when the engine has forgotten the job. */
  done(job: TakenJob): Promise<void>
  /** Undefined: limits, progress and fast cancels are not to be had. */
  ledger: JobLedger | undefined
  /** Undefined: suspects run beside the others. */
  quarantine: Quarantine | undefined
  log: Pick<BaseLogger, 'warn' | 'error'>
  clock: Clock
  random: Random
  /** The process's id in the map. */
  holder: string
}
