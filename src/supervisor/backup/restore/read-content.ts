// All that an archive has, read for a restore, a list or the retention.

import { TenfoldError } from '../../../base/errors.ts'
import { historyName, type PastTimeline, parseHistory } from '../../../programs/postgres/wal-segment.ts'
import type { ShardArchive } from '../archive.ts'
import type { ArchiveContent } from './plan-restore.ts'

/** @throws not-found when nothing was ever archived there. */
export async function readContent(archive: ShardArchive): Promise<ArchiveContent> {
  const state = await archive.readState()
  if (!state) throw new TenfoldError('not-found', `there is no archive of ${archive.shard} in ${archive.store.place}`)
  const [backups, wal] = await Promise.all([archive.listBackups(), archive.listWal()])
  const histories = new Map<number, PastTimeline[]>()
  for (const timeline of wal.histories)
    histories.set(timeline, parseHistory((await archive.readWalFile(historyName(timeline))).toString('utf8')))
  return { state, backups, wal, histories }
}
