// What the steps work with: the map, the nodes, the secrets. One value, made once, handed to each step.

import type { Home } from '../map/home.ts'
import type { Secrets } from '../map/secrets.ts'
import type { EventLog } from './events.ts'
import type { Fleet } from './fleet.ts'
import type { Locks } from './locks.ts'
import type { MapKeeper } from './map-keeper.ts'
import type { NatsDriver } from './nodes/nats-driver.ts'
import type { PostgresDriver } from './nodes/postgres-driver.ts'
import type { RedisDriver } from './nodes/redis-driver.ts'

export interface System {
  home: Home
  secrets: Secrets
  keeper: MapKeeper
  fleet: Fleet
  events: EventLog
  locks: Locks
  /** Aborted when the supervisor stops: what takes long gives up, and is gone on with by the next one. */
  stopping(): AbortSignal
  postgres: PostgresDriver
  redis: RedisDriver
  nats: NatsDriver
}
