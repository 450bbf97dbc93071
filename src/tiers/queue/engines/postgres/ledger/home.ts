// Where the ledger is: on the first shard of the map, which is there from the first rung on.

import { TenfoldError } from '../../../../../base/errors.ts'
import type { ShardDatabase } from '../../../../database/contract.ts'

export type Shards = () => readonly ShardDatabase[]
export type LedgerHome = () => ShardDatabase

export function homeOfLedger(shards: Shards): LedgerHome {
  return () => {
    const [home] = shards()
    if (!home) throw new TenfoldError('unavailable', 'the map has no shard to keep the ledger of jobs on')
    return home
  }
}
