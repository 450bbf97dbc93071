// Where archiving goes on at a server, given what the archive has. Pure.
//
//   nothing archived            where the slot begins to keep the log, which is before the start of the next base backup,
//                               also of one that is taken from a replica
//   the server's own timeline   at the segment in which the archive ends
//   an earlier one of its own   on that timeline while the archive ends before the server left it, which the server sends from
//                               the log that it had as a replica; else on the next timeline, from the segment in which
//                               that one begins. What the archive has beyond that point is a branch that led nowhere: it
//                               stays, under the name of its own timeline
//   a later one, or a branch    never: the server is a deposed primary, or the archive is not of its history

import { TenfoldError } from '../../base/errors.ts'
import { formatLsn } from '../../programs/postgres/lsn.ts'
import { type PastTimeline, segmentStart, type WalPosition } from '../../programs/postgres/wal-segment.ts'

export interface ServerLog {
  timeline: number
  /** From where on our slot keeps the log. */
  keptLsn: bigint
  /** The timelines before its own, oldest first. */
  history: PastTimeline[]
}

/**
 * @throws unavailable at a server whose timeline is behind the archive's, conflict when the archive's end is no part of
 * the server's history.
 */
export function resumeAt(archived: WalPosition | undefined, server: ServerLog): WalPosition {
  if (!archived) return { timeline: server.timeline, lsn: segmentStart(server.keptLsn) }
  if (archived.timeline === server.timeline) return { timeline: server.timeline, lsn: segmentStart(archived.lsn) }
  if (archived.timeline > server.timeline)
    throw new TenfoldError(
      'unavailable',
      `the server is on timeline ${server.timeline}, the archive already on ${archived.timeline}: a deposed primary?`,
    )
  const left = server.history.findIndex(({ timeline }) => timeline === archived.timeline)
  const past = server.history[left]
  if (!past)
    throw new TenfoldError(
      'conflict',
      `the archive ends on timeline ${archived.timeline}, which timeline ${server.timeline} does not come from`,
    )
  if (archived.lsn < past.endLsn) return { timeline: archived.timeline, lsn: segmentStart(archived.lsn) }
  return afterTimeline(past, server)
}

/** Where the timeline after `past` begins in the server's history. */
export function afterTimeline(past: PastTimeline, server: ServerLog): WalPosition {
  const at = server.history.findIndex(({ timeline }) => timeline === past.timeline)
  if (at < 0)
    throw new TenfoldError('conflict', `timeline ${past.timeline} left at ${formatLsn(past.endLsn)} is unknown`)
  const timeline = server.history[at + 1]?.timeline ?? server.timeline
  return { timeline, lsn: segmentStart(past.endLsn) }
}
