// A balancer cannot change between passing on requests and passing on connections.

import { TenfoldError } from '../../../../base/errors.ts'
import type { Upstreams } from '../../contract.ts'

/** @throws conflict when the new snapshot has another mode. */
export function checkSameMode(before: Upstreams, after: Upstreams): void {
  if (before.mode === after.mode) return
  throw new TenfoldError(
    'conflict',
    `a front in mode ${before.mode} cannot become one in mode ${after.mode}; replace it`,
  )
}
