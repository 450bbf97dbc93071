// What can be restored, shard by shard, read from the store alone.

import { type BackupRecord, ShardArchive } from './archive.ts'
import { type RestorableRange, restorableRanges } from './restore/plan-restore.ts'
import { readContent } from './restore/read-content.ts'
import type { BackupStore } from './store/contract.ts'

export interface ArchiveListing {
  shard: string
  /** Oldest first. */
  backups: BackupRecord[]
  ranges: RestorableRange[]
}

/** @throws not-found for a shard of which nothing was archived. */
export async function listArchive(store: BackupStore, shard: string): Promise<ArchiveListing> {
  const content = await readContent(new ShardArchive(store, shard))
  return { shard, backups: [...content.backups], ranges: restorableRanges(content) }
}

/** For the day on which the map is gone, too: every shard that has an archive. */
export async function findShards(store: BackupStore): Promise<string[]> {
  const names = (await store.list('')).map(({ name }) => name.split('/'))
  return names.flatMap(([shard = '', file, ...rest]) => (file === 'archive.json' && rest.length === 0 ? [shard] : []))
}
