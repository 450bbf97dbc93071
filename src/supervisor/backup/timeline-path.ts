// The way through the timelines that leads to one of them: what of the log belongs to it, and what to branches beside it.

import type { PastTimeline, WalPosition } from '../../programs/postgres/wal-segment.ts'

/** Oldest first; the last one has no end. */
export type TimelinePath = Array<{ timeline: number; endLsn: bigint | undefined }>

export function pathTo(timeline: number, history: readonly PastTimeline[]): TimelinePath {
  return [...history, { timeline, endLsn: undefined }]
}

/** Whether the log up to a position is what the path's own end came from. */
export function isOnPath(path: TimelinePath, { timeline, lsn }: WalPosition): boolean {
  const part = path.find((one) => one.timeline === timeline)
  return part !== undefined && (part.endLsn === undefined || lsn <= part.endLsn)
}

/** Whether a segment that begins there has bytes of the path. */
export function hasBytesOf(path: TimelinePath, { timeline, lsn }: WalPosition): boolean {
  const part = path.find((one) => one.timeline === timeline)
  return part !== undefined && (part.endLsn === undefined || lsn < part.endLsn)
}
