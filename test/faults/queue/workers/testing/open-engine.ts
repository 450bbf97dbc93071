// Where the jobs of these tests lie: in the database, or in brokers with the database as their outbox.

import type { ShardDatabase } from '../../../../../src/tiers/database/contract.ts'
import type { QueueEngine } from '../../../../../src/tiers/queue/contract.ts'
import { openJetStreamQueue } from '../../../../../src/tiers/queue/engines/jetstream/engine.ts'
import { openPostgresQueue } from '../../../../../src/tiers/queue/engines/postgres/engine.ts'
import { openJobLedger } from '../../../../../src/tiers/queue/engines/postgres/ledger/ledger.ts'

export interface Brokers {
  servers: Array<{ address: string; port: number }>
  password: string
}

export async function openEngine(
  shards: () => readonly ShardDatabase[],
  brokers: Brokers | undefined,
): Promise<QueueEngine> {
  const postgres = openPostgresQueue(shards)
  if (!brokers) return postgres
  const { servers, password } = brokers
  return await openJetStreamQueue({
    ...{ servers, password, postgres, shards },
    username: 'app',
    replicas: servers.length === 3 ? 3 : 1,
    ledger: openJobLedger(shards),
    log: { warn() {} },
  })
}
