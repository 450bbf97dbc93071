// What may go. Pure.
//
// To restore to any time within the window one needs the newest backup that is older than the window's beginning, all
// later ones, and the log from the start of the oldest of these on. The last backup never goes, however old it is.
// Positions grow along every timeline, so that the log before a position may go whatever its timeline is.

import { parseLsn } from '../../programs/postgres/lsn.ts'
import { parseSegmentName, segmentEnd } from '../../programs/postgres/wal-segment.ts'
import type { BackupRecord } from './archive.ts'

export interface Expired {
  /** Ids. */
  backups: string[]
  /** Names of segments, whole or partial. */
  segments: string[]
}

export interface RetentionOptions {
  nowMs: number
  keepMs: number
  /** Whether what is alive came from it: a backup of a branch that was left behind restores nothing else. */
  isUsable?: (backup: BackupRecord) => boolean
}

/** `backups` in any order; `segments` are the names of those that are there. */
export function findExpired(
  backups: readonly BackupRecord[],
  segments: Iterable<string>,
  { nowMs, keepMs, isUsable = () => true }: RetentionOptions,
): Expired {
  const beginMs = nowMs - keepMs
  const isOld = ({ finishedAt }: BackupRecord) => Date.parse(finishedAt) <= beginMs
  const byTime = backups
    .filter(isUsable)
    .sort((one, other) => Date.parse(one.finishedAt) - Date.parse(other.finishedAt))
  const base = Math.max(0, byTime.findLastIndex(isOld))
  const beside = backups.filter((backup) => !isUsable(backup))
  const kept = [...byTime.slice(base), ...beside.filter((backup) => !isOld(backup))]
  // Without a backup the log alone is of no use, but the first backup may be on its way and need it.
  if (byTime.length === 0) return { backups: [], segments: [] }
  const [neededFrom = 0n] = kept.map(({ startLsn }) => parseLsn(startLsn)).sort((one, other) => (one < other ? -1 : 1))
  return {
    backups: [...byTime.slice(0, base), ...beside.filter(isOld)].map(({ id }) => id),
    segments: [...segments].filter((name) => {
      const segment = parseSegmentName(name)
      return segment !== undefined && segmentEnd(segment.lsn) <= neededFrom
    }),
  }
}
