// Where backups go: a place that keeps bytes under names, whole or not at all. Engines: a folder, and S3.
//
// A name is a path with slashes, of letters, digits and `.` `-` `_`. Every call may be made again after it failed.
// Error codes of all calls: unavailable (no answer, try again), unauthorized (wrong keys, no right), disk-full.

import type { Readable } from 'node:stream'

export interface BackupStore {
  /** For people: the directory, or s3://bucket/prefix. */
  readonly place: string

  /**
   * Resolves when the whole content is durable under the name, in place of what was there. Before that, and after a
   * failure or a crash, the name has what it had before.
   */
  put(name: string, content: Buffer): Promise<void>
  /** The same for content of unknown length, held in memory only by pieces. Answers its length. */
  putStream(name: string, content: AsyncIterable<Buffer>): Promise<number>
  /** @throws not-found. The stream itself fails with one of the codes above when it breaks off. */
  get(name: string): Promise<Readable>
  /** Everything whose name begins with `prefix`, in the order of names. */
  list(prefix: string): Promise<StoredObject[]>
  /** Deletes it if it is there. */
  delete(name: string): Promise<void>
  /** Removes what puts left that were interrupted before the moment; of no meaning to readers either way. */
  sweep(beforeMs: number): Promise<void>
  close(): Promise<void>
}

export interface StoredObject {
  name: string
  sizeBytes: number
}
