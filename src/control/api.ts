// What the control API speaks: the JSON of design contract, with types for its client, the CLI and the dashboard.

import type { RotatedKeys } from '../map/cookie-keys.ts'
import type { Durability, MapNode, MapRegion } from '../map/map.ts'
import type {
  DeadChoice,
  QueueAnswers,
  Redriven,
  SeenDead,
  SeenFailure,
  SeenJob,
  SeenPlace,
  SeenSchedule,
  SeenStream,
} from '../processes/queue/desk.ts'
import type { SeenEvent } from '../processes/queue/report.ts'
import type { SeenSession } from '../processes/session-desk.ts'
import type { SalvagedChange, SalvageHeader } from '../programs/postgres/salvage/format.ts'
import type { LeftOut, ReplayReport } from '../programs/postgres/salvage/replay.ts'
import type { ArchiveListing } from '../supervisor/backup/list.ts'
import type { BackupStatus } from '../supervisor/backup/status.ts'
import type { BrokerStatus } from '../supervisor/broker-status.ts'
import type { CacheName, CacheNodeReport, CacheSummary } from '../supervisor/cache.ts'
import type { EdgeSummary, Purged } from '../supervisor/edge.ts'
import type { SystemEvent } from '../supervisor/events.ts'
import type { JobLife, QueueState, QueueSummary } from '../supervisor/queue.ts'
import type { ListedSalvage } from '../supervisor/replication/salvage.ts'
import type { ScaleStatus } from '../supervisor/scaling/scaler.ts'
import type { EdgeReport, Purge } from '../tiers/edge/contract.ts'
import type { Topology, TopologyInput } from '../topology/schema.ts'

export type { SystemEvent } from '../supervisor/events.ts'

export type StatusNode = Omit<MapNode, 'dataDir'> & {
  /** Of a replica: how far it is behind its primary. Left out while nobody has measured it. */
  lagBytes?: number
  lagMs?: number
}

export interface StatusShard {
  id: string
  /** How many slots it owns. */
  slots: number
  primary: string
  replicas: string[]
  timeline: number
  durability: Durability
  /** How many of which replicas a commit waits for; null: for none. */
  quorum: { count: number; of: string[] } | null
}

export interface Progress {
  to: number
  step: string
  done: number
  of: number
}

export interface Status {
  version: number
  name: string
  rung: number
  climbing: Progress | null
  /** Why the last climb gave up; null once a later one has begun. */
  lastFailure: string | null
  /** `tls` where the topology has it on. */
  urls: { app: string; tls?: string; dashboard: string; control: string }
  nodes: StatusNode[]
  shards: StatusShard[]
  regions: MapRegion[]
  /** Which roles have as many processes as their load asks for. */
  scale: { web: ScaleStatus | null; worker: ScaleStatus | null }
  /** The queue's brokers; absent while all jobs lie in the database. */
  brokers?: BrokerStatus
  /** Null where none are wanted, and when it is read from disk. */
  backup: BackupStatus | null
  /** Null when it is read from disk because no supervisor runs. */
  supervisor: { pid: number; since: string } | null
  topology: Topology
  rungs: Array<{ number: number; title: string; appears: string; isBuilt: boolean }>
}

export type {
  ArchiveListing,
  BackupStatus,
  CacheName,
  CacheNodeReport,
  CacheSummary,
  DeadChoice,
  EdgeReport,
  EdgeSummary,
  JobLife,
  LeftOut,
  ListedSalvage,
  Purge,
  Purged,
  QueueAnswers,
  QueueState,
  QueueSummary,
  Redriven,
  RotatedKeys,
  SalvagedChange,
  SeenDead,
  SeenEvent,
  SeenFailure,
  SeenJob,
  SeenPlace,
  SeenSchedule,
  SeenSession,
  SeenStream,
}

/** Some of a salvage file's transactions, of each some of its changes. */
export interface SalvagePage {
  file: string
  header: SalvageHeader
  transactions: Array<{
    position: number
    xid: number
    committedAt: string
    lsn: string
    changeCount: number
    changes: SalvagedChange[]
  }>
}

export type SalvageReplay = ReplayReport & { file: string }

export interface PlannedStep {
  kind: string
  title: string
}

export interface Plan {
  from: number
  to: number
  steps: PlannedStep[]
}

/** Where to go: to a rung's preset, or to a topology as a file has it. */
export type Target = { rung: number } | { topology: TopologyInput }

export type FaultKind = 'kill' | 'pause' | 'resume' | 'slow' | 'cut'

export interface LogLine {
  node: string
  time: string
  level: string
  message: string
  [field: string]: unknown
}

export interface NodeMetrics {
  requestsPerSecond?: number
  errorsPerSecond?: number
  p99Ms?: number
  /** Of an edge: the share of its requests for which no server was asked. Of a shared cache node: of reads that found a value. */
  hitRatio?: number
  inFlight?: number
  /** Of a web process: how busy it is, 0 to 1, of event loop or CPU whichever is scarcer. */
  utilisation?: number
  cpuPercent?: number
  memoryBytes?: number
}

/** What `/api/events` sends: the name of the event and its data. */
export interface ControlEvents {
  status: Status
  event: SystemEvent
  progress: Progress | null
}
