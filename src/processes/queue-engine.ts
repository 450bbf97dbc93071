// Where the jobs and streams of a process lie, as the map has it at its start: in the database, and where there are brokers in
// those, with the database as their outbox.
//
// Brokers that are down keep nobody from starting or stopping.

import { nodeOf, type SystemMap } from '../map/map.ts'
import type { NatsAddress } from '../programs/nats/contract.ts'
import type { ShardDatabase } from '../tiers/database/contract.ts'
import type { QueueEngine } from '../tiers/queue/contract.ts'
import { openJetStreamQueue } from '../tiers/queue/engines/jetstream/engine.ts'
import { openJetStreamStreams } from '../tiers/queue/engines/jetstream/streams/engine.ts'
import { openPostgresQueue } from '../tiers/queue/engines/postgres/engine.ts'
import { openPostgresStreams } from '../tiers/queue/engines/postgres/streams/engine.ts'
import { WakeUps } from '../tiers/queue/engines/postgres/wake-ups.ts'
import type { JobLedger } from '../tiers/queue/ledger/contract.ts'
import type { StreamEngine } from '../tiers/queue/streams/contract.ts'
import type { ProcessContext } from './context.ts'
import type { OpenStack } from './open-stack.ts'

/** When the broker that leads is killed, the others take up to 9 s to elect another: who publishes waits for them. */
const publishMsMax = 12_000

export interface QueueEngines {
  jobs: QueueEngine
  streams: StreamEngine
}

/** What is opened is kept in `stack`. */
export async function openQueueEngines(
  { map, secrets, nodeId, log }: Pick<ProcessContext, 'map' | 'secrets' | 'nodeId' | 'log'>,
  { stack, shards, ledger }: { stack: OpenStack; shards: () => readonly ShardDatabase[]; ledger: JobLedger },
): Promise<QueueEngines> {
  const wakeUps = new WakeUps(shards, { map, password: secrets.postgres.app, node: nodeId })
  const postgres = stack.keep(openPostgresQueue(shards, { wakeUps }))
  const inDatabase = stack.keep(openPostgresStreams(shards, { wakeUps }))
  const servers = brokersOf(map.current)
  if (servers.length === 0) return { jobs: postgres, streams: inDatabase }
  const brokers = {
    servers,
    username: 'app',
    password: secrets.nats.app,
    replicas: servers.length >= 3 ? 3 : 1,
  } as const
  const limits = { publishMsMax }
  const jobs = stack.keep(await openJetStreamQueue({ ...brokers, postgres, ledger, shards, log, limits }))
  const streams = stack.keep(await openJetStreamStreams({ ...brokers, postgres: inDatabase, node: nodeId, log }))
  return { jobs, streams }
}

function brokersOf(map: SystemMap): NatsAddress[] {
  return (map.queue?.nodes ?? []).flatMap((id) => {
    const node = nodeOf(map, id)
    return node ? [{ address: node.address, port: node.port }] : []
  })
}
