// Whether this process gets an answer from the primary of a shard: what the supervisor asks when it gets none itself.

import { withTimeout } from '../base/limits.ts'
import type { DatabaseRouter } from '../tiers/database/router.ts'
import type { ReachAnswer } from './door/contract.ts'

export async function reachPrimary(router: DatabaseRouter, shard: string, timeoutMs: number): Promise<ReachAnswer> {
  const asking = router.query(shard, 'SELECT 1')
  asking.catch(() => {}) // it may fail long after nobody waits for it
  return withTimeout(asking, timeoutMs, `the primary of ${shard} answering`).then(
    () => ({ isReached: true }),
    () => ({ isReached: false }),
  )
}
