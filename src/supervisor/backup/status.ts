// What is known of the backups, as operators see it. Times are ISO 8601; null: not yet.

export interface ShardBackupStatus {
  id: string
  /** When the newest base backup was finished. */
  lastBackupAt: string | null
  /** Everything acknowledged until then is in the archive. */
  archivedUntil: string | null
  archivedLsn: string | null
  /** The base backup under way. */
  running: { bytes: number; totalBytes: number } | null
  /** How often a base backup was finished or failed since the supervisor's start: tells the end of one that was asked for. */
  attempts: number
  /** Why the last base backup failed, or why the log is not archived now. */
  trouble: string | null
}

export interface BackupStatus extends Omit<ShardBackupStatus, 'id' | 'running' | 'attempts'> {
  /** The directory, or s3://bucket/prefix. */
  to: string
  shards: ShardBackupStatus[]
}
