// The ledger of jobs in the database of the app: the same whatever engine has the line.

import type { JobLedger } from '../../../ledger/contract.ts'
import { PostgresCancels } from './cancels.ts'
import { PostgresDeadLetters } from './dead-letters.ts'
import { homeOfLedger, type Shards } from './home.ts'
import { PostgresLimits } from './limits.ts'
import { PostgresProgress } from './progress.ts'

/** How long what nobody cleared is kept: progress of jobs whose worker died, cancels that nobody heard. */
const keptMs = 7 * 86_400_000

const sweepStatements = [
  'delete from tenfold.queue_slots where until < clock_timestamp()',
  'delete from tenfold.queue_starts where ends_at < clock_timestamp()',
  `delete from tenfold.job_progress where at < clock_timestamp() - ${keptMs} * interval '1 ms'`,
  `delete from tenfold.job_cancels where at < clock_timestamp() - ${keptMs} * interval '1 ms'`,
]

/** `shards` is asked at each call, since the map may change what it answers. Nothing to close: the database is the caller's. */
export function openJobLedger(shards: Shards): JobLedger {
  const home = homeOfLedger(shards)
  return {
    deadLetters: new PostgresDeadLetters(shards, home),
    limits: new PostgresLimits(home),
    progress: new PostgresProgress(home),
    cancels: new PostgresCancels(home),
    async sweep() {
      for (const statement of sweepStatements) await home().query(statement)
    },
  }
}
