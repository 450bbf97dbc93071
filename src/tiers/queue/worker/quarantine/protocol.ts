// What a worker and its quarantine say to each other, over the channel that fork() gives them. Plain values: JSON.

import type { Payload } from '../../contract.ts'

export interface VisitingJob {
  id: string
  home: string
  queue: string
  payload: Payload
  attempt: number
  publishedAtMs: number
  key: string | null
  priority: number
  trace: string | null
}

export type ToQuarantine =
  | { kind: 'run'; visit: number; job: VisitingJob }
  | { kind: 'abort'; visit: number; why: 'lost' | 'canceled' | 'timeout' | 'draining'; reason: string }
  | { kind: 'ping' }

export type FromQuarantine =
  | { kind: 'ready' }
  | { kind: 'pong' }
  | { kind: 'ended'; visit: number; failure?: { message: string; isHopeless: boolean } }
  | { kind: 'progress'; visit: number; value: number | Payload }
  | { kind: 'heartbeat'; visit: number }
