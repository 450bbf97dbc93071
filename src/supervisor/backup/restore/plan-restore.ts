// Which backup, which timeline and which log lead to a moment. Pure.
//
// The moment lies on the history that lives: after a failover that is the new timeline, and before it what both share; what
// the old primary wrote after the new one began is a branch beside it, which is restored only when it is named.

import { TenfoldError } from '../../../base/errors.ts'
import { parseLsn } from '../../../programs/postgres/lsn.ts'
import { type PastTimeline, segmentBytes, segmentName, segmentStart } from '../../../programs/postgres/wal-segment.ts'
import type { ArchiveRun, ArchiveState, BackupRecord, WalListing } from '../archive.ts'
import { hasBytesOf, isOnPath, pathTo, type TimelinePath } from '../timeline-path.ts'

/** `latest`: all that is archived. A position is exclusive: everything that ends at or before it. */
export type RestoreTarget = { time: Date } | { lsn: bigint } | 'latest'

export interface ArchiveContent {
  state: ArchiveState
  backups: readonly BackupRecord[]
  wal: WalListing
  /** By timeline, what came before it; the first one needs none. */
  histories: ReadonlyMap<number, PastTimeline[]>
}

export interface RestorePlan {
  backup: BackupRecord
  timeline: number
  path: TimelinePath
  target: RestoreTarget
  /** Segments that should be there and are not: the restore gets no further than the first. */
  missing: string[]
}

/** From the first to the last moment, ISO 8601, that can be restored. */
export interface RestorableRange {
  from: string
  to: string
}

/** Oldest first; more than one when the archive has gaps. */
export function restorableRanges(content: ArchiveContent): RestorableRange[] {
  return content.state.runs.flatMap((run) => {
    const [first] = candidatesOf(content, run, run.timeline)
    return first && run.until !== null && first.finishedAt <= run.until
      ? [{ from: first.finishedAt, to: run.until }]
      : []
  })
}

/** @throws not-found when there is no backup for it; the message says which times there are. */
export function planRestore(content: ArchiveContent, target: RestoreTarget, timeline?: number): RestorePlan {
  const runs = content.state.runs.filter((run) => timeline !== undefined || reaches(run, target)).toReversed()
  for (const run of runs) {
    const goal = timeline ?? run.timeline
    const backup = candidatesOf(content, run, goal).findLast((candidate) => isBefore(candidate, target))
    if (!backup) continue
    const path = pathTo(goal, content.histories.get(goal) ?? [])
    return { backup, timeline: goal, path, target, missing: findMissing(content, path, backup, run) }
  }
  throw new TenfoldError('not-found', `${describeTarget(target)} cannot be restored; ${describeRanges(content)}`)
}

export function describeRanges(content: ArchiveContent): string {
  const ranges = restorableRanges(content)
  if (ranges.length === 0) return 'there is no backup yet'
  return `there is ${ranges.map(({ from, to }) => `${from} to ${to}`).join(' and ')}`
}

/** The backups of a run that the timeline came from, oldest first. */
function candidatesOf({ backups, histories }: ArchiveContent, run: ArchiveRun, timeline: number): BackupRecord[] {
  const path = pathTo(timeline, histories.get(timeline) ?? [])
  return backups
    .filter(
      (backup) =>
        backup.runStartedAt === run.startedAt &&
        isOnPath(path, { timeline: backup.timeline, lsn: parseLsn(backup.stopLsn) }),
    )
    .sort((one, other) => Date.parse(one.finishedAt) - Date.parse(other.finishedAt))
}

function reaches(run: ArchiveRun, target: RestoreTarget): boolean {
  if (target === 'latest') return true
  if ('time' in target) return run.until !== null && target.time.getTime() <= Date.parse(run.until)
  return target.lsn <= parseLsn(run.lsn)
}

function isBefore(backup: BackupRecord, target: RestoreTarget): boolean {
  if (target === 'latest') return true
  if ('time' in target) return Date.parse(backup.finishedAt) <= target.time.getTime()
  return parseLsn(backup.stopLsn) <= target.lsn
}

/** From the backup's start to the archive's end, each segment must be there on one of the path's timelines. */
function findMissing(
  { wal }: ArchiveContent,
  path: TimelinePath,
  { startLsn }: BackupRecord,
  { lsn, timeline }: ArchiveRun,
): string[] {
  const missing: string[] = []
  if (path.at(-1)?.timeline !== timeline) return missing // a branch beside: where it ends nobody wrote down
  const end = parseLsn(lsn)
  for (let start = segmentStart(parseLsn(startLsn)); start < end; start += BigInt(segmentBytes)) {
    const names = path
      .filter((part) => hasBytesOf(path, { timeline: part.timeline, lsn: start }))
      .map((part) => segmentName({ timeline: part.timeline, lsn: start }))
    if (!names.some((name) => wal.segments.has(name) || wal.partials.has(name))) missing.push(names.at(-1) ?? '')
  }
  return missing
}

function describeTarget(target: RestoreTarget): string {
  if (target === 'latest') return 'the latest state'
  return 'time' in target ? target.time.toISOString() : `position ${target.lsn}`
}
