// What can be set about the JetStream engine, with its bounds.

import type { BaseLogger } from 'pino'
import type { NatsAddress } from '../../../../programs/nats/contract.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { QueueEngine } from '../../contract.ts'
import type { JobLedger } from '../../ledger/contract.ts'

export interface JetStreamServers {
  /** One, or all of one cluster. */
  servers: readonly NatsAddress[]
  username: string
  password: string
}

export interface JetStreamQueueOptions extends JetStreamServers {
  /** Servers that keep each job: as many as there are, 1 or 3. */
  replicas: 1 | 3
  /** The engine inside PostgreSQL: what JetStream cannot do waits there until it can be relayed. */
  postgres: QueueEngine
  ledger: Pick<JobLedger, 'deadLetters' | 'cancels'>
  /** The first one keeps notes of jobs that failed. */
  shards: () => readonly ShardDatabase[]
  log: Pick<BaseLogger, 'warn'>
  /** Before the names of everything on the server, so that several systems can share one. */
  prefix?: string
  limits?: Partial<JetStreamLimits>
}

export interface JetStreamLimits {
  connectMsMax: number
  /** Between two tries to connect; as much again by chance. */
  reconnectMs: number
  /** The server is asked so often whether it is there; two answers missing end the connection. */
  pingMs: number
  /** A publish is durable within this, or fails. */
  publishMsMax: number
  /** A publish without an answer is sent again with the same name, so that it cannot double. */
  republishMs: number
  /** Publishes without an answer in one process; more are refused. */
  publishesMax: number
  /** For everything else that is asked of the server. */
  callMsMax: number
  /** Jobs of one lane that are leased, or wait for their next attempt. A lane that has more hands out nothing. */
  leasedMax: number
  /** In which a second publish of the same name changes nothing. */
  duplicateMs: number
  /** How often a process looks for lanes that nobody told it of. */
  lanesMs: number
  /** Jobs that the relay takes from PostgreSQL at a time, of one queue. */
  relayJobsMax: number
  /** How often it looks for those that nobody told it of. */
  relayMs: number
}

export const jetStreamLimits: JetStreamLimits = {
  connectMsMax: 3000,
  reconnectMs: 100,
  pingMs: 1500,
  publishMsMax: 5000,
  republishMs: 1000,
  publishesMax: 20_000,
  callMsMax: 3000,
  leasedMax: 20_000,
  duplicateMs: 120_000,
  lanesMs: 10_000,
  relayJobsMax: 200,
  relayMs: 1000,
}

export const defaultPrefix = 'tenfold'
