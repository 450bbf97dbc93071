// The front door: define an app, define a topology. The only barrel.

export { TenfoldError } from './base/errors.ts'
export type {
  BackWrite,
  Cache,
  CacheNamespace,
  DataKind,
  Duration,
  KeepOptions,
  Through,
  ThroughOptions,
  WaitingWrite,
  WrapOptions,
  WriteQueue,
} from './tiers/cache/contract.ts'
export type { Lock, Locks, RateLimiter, Taken } from './tiers/cache/shared/contract.ts'
export type { Database, Key, SlotDatabase } from './tiers/database/contract.ts'
export type {
  BatchJob,
  HandleManyOptions,
  HandleOptions,
  Handler,
  Job,
  ManyHandler,
  PublishOptions,
  Queue,
  TypedQueue,
} from './tiers/queue/contract.ts'
export type { Entry, EntryHandler, Stream, StreamDefinition, StreamPlace } from './tiers/queue/streams/contract.ts'
export type { ListedSession, Session, UserSessions } from './tiers/session/contract.ts'
export type { Kpi } from './tiers/telemetry/contract.ts'
export { defineApp } from './tiers/web/app.ts'
export type { App, Tiers } from './tiers/web/contract.ts'
export type { Topology, TopologyInput } from './topology/schema.ts'
export { defineTopology } from './topology/topology.ts'
