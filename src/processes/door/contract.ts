// The door: how the supervisor speaks to a process of ours. HTTP with JSON on a unix socket in the system's directory
// (mode 0600), so that any later supervisor can use it too. Every call may be made twice.
//
//   GET  /state             DoorState
//   POST /map               reads the map again; answers DoorState when it is applied
//   POST /hold {leaseMs, drainMs}   new statements wait; answers {isDrained, inFlight} when none is in flight or
//                           after drainMs. The hold ends by /release, by a map whose primary changed, or with its lease
//   POST /release
//   POST /reach {shard, timeoutMs}   whether the process gets an answer from the shard's primary: {isReached}
//   POST /leave-entry       stops accepting on the public address; kept connections end with their next answer
//   POST /purge {position, at, purge, again}   answers {objects} when this purge and all before it have taken effect; `again`:
//                           also when they had before
//   POST /invalidate {urls} what another front saw being changed is thrown out; answers {}
//   GET  /edge              EdgeReport; null where there is no edge
//   GET  /cache             CacheReport; null where there is no cache
//   POST /sessions SessionRequest   answers SessionAnswer; only where there are sessions
//   POST /queue QueueRequest   answers QueueAnswers of its kind; only where there is a queue
//   POST /supervisor {args} starts a supervisor that inherits the public socket; only where `entry` is true

import type { EdgeReport } from '../../tiers/edge/contract.ts'
import type { CacheReport } from '../cache/report.ts'
import type { ProcessUse } from '../process-use.ts'
import type { LoggedPurge } from '../purges/purge-log.ts'
import type { QueueAnswers, QueueRequest } from '../queue/desk.ts'
import type { SessionAnswer, SessionRequest } from '../session-desk.ts'

/** What a supervisor may expect of a process beyond the calls above: 1, that it finds a new cookie key by itself. */
export const doorVersion = 1

export interface DoorState {
  node: string
  pid: number
  /** Missing of a process that was started by a version of ours from before there was one. */
  version?: number
  mapVersion: number
  isReady: boolean
  /** Accepts on the public address. */
  hasEntry: boolean
  /** Requests or jobs under way. */
  inFlight: number
  /** Answered since its start, and how many of them with 5xx; where it answers requests. */
  requests?: number
  errors?: number
  /** Latency of the last seconds. */
  p99Ms?: number | undefined
  /** Of a web process: how busy it is. */
  use?: ProcessUse
  /** Where there is an edge: requests that it might answer, and how many of them a server was not asked for. */
  edge?: { asked: number; spared: number }
}

export interface HoldRequest {
  leaseMs: number
  drainMs: number
}

export interface HoldAnswer {
  isDrained: boolean
  inFlight: number
}

export interface ReachRequest {
  shard: string
  timeoutMs: number
}

export interface ReachAnswer {
  isReached: boolean
}

/** What a process does when its door is knocked at; what it does not have, it leaves out. */
export interface DoorHandlers {
  state(): Omit<DoorState, 'pid' | 'version'>
  applyMap(): Promise<void>
  hold?(request: HoldRequest): Promise<HoldAnswer>
  release?(): Promise<void>
  reach?(request: ReachRequest): Promise<ReachAnswer>
  leaveEntry?(): Promise<void>
  purge?(logged: LoggedPurge, options: { again: boolean }): Promise<{ objects: number }>
  invalidate?(urls: string[]): Promise<void>
  edgeReport?(): EdgeReport | null
  cacheReport?(): Promise<CacheReport>
  sessions?(request: SessionRequest): Promise<SessionAnswer>
  queue?(request: QueueRequest): Promise<QueueAnswers[QueueRequest['kind']]>
  startSupervisor?(args: string[]): Promise<{ pid: number }>
}
