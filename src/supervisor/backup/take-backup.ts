// A base backup into the store: the whole data directory as one compressed tar, read over the replication protocol,
// checked against the server's manifest while it passes by, held nowhere in between.
//
// It has no log of its own: the archive has it, and a backup counts (backup.json) only when the archive reaches its end.
// Killed before, what it left is no backup and goes with the next retention.

import { createHash, type Hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import { systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import type { WrittenFile } from '../../programs/postgres/backup-writer.ts'
import { readBaseBackup } from '../../programs/postgres/base-backup.ts'
import type { PostgresSecrets } from '../../programs/postgres/contract.ts'
import { formatLsn, parseLsn } from '../../programs/postgres/lsn.ts'
import { verifyManifest } from '../../programs/postgres/manifest.ts'
import { connectReplication, destroyClient, identifySystem } from '../../programs/postgres/replication-client.ts'
import { type TarEntry, TarReader, type TarSink } from '../../programs/postgres/tar-reader.ts'
import type { WalPosition } from '../../programs/postgres/wal-segment.ts'
import { type ArchiveRun, type BackupRecord, backupIdOf, type ShardArchive, zstdParams } from './archive.ts'
import type { ArchivedServer } from './archiver.ts'

/** The manifest is held in memory: about 200 bytes a file. */
const manifestBytesMax = 256 * 1024 * 1024
const progressEveryBytes = 4 * 1024 * 1024

export interface TakeBackupOptions {
  archive: ShardArchive
  source: ArchivedServer
  secrets: PostgresSecrets
  systemIdentifier: string
  /** Resolves with the run that has the log up to that position; rejects when there will be none. */
  waitArchived: (position: WalPosition) => Promise<ArchiveRun>
  onProgress?: (progress: { bytes: number; totalBytes: number }) => void
  /** Gives it up. */
  signal?: AbortSignal
}

/**
 * Resolves when a backup is in the store and can be restored.
 * @throws unavailable when the server or the store breaks off, conflict when the archive does not have the log that it
 * needs, program-failed when what came does not match the manifest, disk-full, unauthorized, bad-input for tablespaces.
 */
export async function takeBackup(options: TakeBackupOptions): Promise<BackupRecord> {
  const { archive, source, secrets } = options
  const startedAt = new Date(systemClock.now())
  const id = backupIdOf(startedAt)
  const client = await connectReplication(source, secrets, { name: 'tenfold backup' })
  const giveUp = () => destroyClient(client)
  options.signal?.addEventListener('abort', giveUp)
  try {
    const { systemIdentifier } = await identifySystem(client)
    if (systemIdentifier !== options.systemIdentifier)
      throw new TenfoldError('conflict', `${source.id} is not of the cluster that ${archive.store.place} archives`)
    const reading = new BackupReading(readBaseBackup(client, `tenfold ${id}`, { wal: false }), options.onProgress)
    const storing = new Digest()
    const compressor = createZstdCompress({ params: zstdParams })
    const compressing = pipeline(Readable.from(reading.archive()), compressor)
    // The store fails with its reason; that the pipe before it broke then is only what follows.
    compressing.catch(() => {})
    const storedBytes = await archive.store.putStream(
      archive.backupFile(id, 'base.tar.zst'),
      storing.pass(compressor as AsyncIterable<Buffer>),
    )
    await compressing
    const manifest = reading.manifest()
    await archive.store.put(archive.backupFile(id, 'manifest'), Buffer.from(manifest))
    const { start, end } = rangeOf(manifest)
    const run = await options.waitArchived(end)
    if (parseLsn(run.startLsn) > start.lsn)
      throw new TenfoldError('conflict', `the archive begins at ${run.startLsn}, after the backup's own beginning`)
    const record: BackupRecord = {
      id,
      shard: archive.shard,
      runStartedAt: run.startedAt,
      timeline: end.timeline,
      startLsn: formatLsn(start.lsn),
      stopLsn: formatLsn(end.lsn),
      startedAt: startedAt.toISOString(),
      finishedAt: new Date(systemClock.now()).toISOString(),
      source: source.id,
      bytes: reading.bytes,
      storedBytes,
      sha256: storing.hex(),
    }
    await archive.store.put(archive.backupFile(id, 'backup.json'), Buffer.from(`${JSON.stringify(record, null, 1)}\n`))
    return record
  } catch (error) {
    await archive.deleteBackup(id).catch(() => {}) // a store that fails is swept later
    throw explain(error, source)
  } finally {
    options.signal?.removeEventListener('abort', giveUp)
    destroyClient(client)
  }
}

/** Splits the stream of a base backup into the archive, which is passed on and checked, and the manifest. */
class BackupReading implements TarSink {
  readonly #parts: ReturnType<typeof readBaseBackup>
  readonly #onProgress: TakeBackupOptions['onProgress']
  readonly #files = new Map<string, WrittenFile>()
  readonly #manifest: Buffer[] = []
  #current: { entry: TarEntry; hash: Hash } | undefined
  bytes = 0

  constructor(parts: ReturnType<typeof readBaseBackup>, onProgress: TakeBackupOptions['onProgress']) {
    this.#parts = parts
    this.#onProgress = onProgress
  }

  async *archive(): AsyncGenerator<Buffer> {
    const tar = new TarReader(this)
    let [target, totalBytes, toldBytes, manifestBytes] = ['none' as 'none' | 'archive' | 'manifest', 0, 0, 0]
    for await (const part of this.#parts) {
      if (part.kind === 'size') totalBytes = part.estimatedBytes
      else if (part.kind !== 'data') target = part.kind
      else if (target === 'archive') {
        await tar.write(part.chunk)
        this.bytes += part.chunk.length
        if (this.bytes - toldBytes >= progressEveryBytes) {
          toldBytes = this.bytes
          this.#onProgress?.({ bytes: this.bytes, totalBytes: Math.max(totalBytes, this.bytes) })
        }
        yield part.chunk
      } else {
        this.#manifest.push(part.chunk)
        manifestBytes += part.chunk.length
        if (manifestBytes > manifestBytesMax)
          throw new TenfoldError('too-large', 'the manifest of the base backup is too large')
      }
    }
    tar.end()
  }

  /** After the archive has passed. @throws program-failed when a file is missing or not as the server read it. */
  manifest(): string {
    const text = Buffer.concat(this.#manifest).toString('utf8')
    verifyManifest(text, this.#files)
    return text
  }

  async begin(entry: TarEntry): Promise<void> {
    if (entry.type === 'link')
      throw new TenfoldError('bad-input', `${entry.name} is a link (a tablespace?); Tenfold cannot back those up`)
    if (entry.type === 'file') this.#current = { entry, hash: createHash('sha256') }
  }

  async data(chunk: Buffer): Promise<void> {
    this.#current?.hash.update(chunk)
  }

  async finish(): Promise<void> {
    if (!this.#current) return
    const { entry, hash } = this.#current
    this.#current = undefined
    this.#files.set(entry.name, { sizeBytes: entry.sizeBytes, sha256: hash.digest('hex') })
  }
}

/** A checksum of what passes by. */
class Digest {
  readonly #hash = createHash('sha256')

  async *pass(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      this.#hash.update(piece)
      yield piece
    }
  }

  hex(): string {
    return this.#hash.digest('hex')
  }
}

/** The log that a restore must have, from the manifest: several ranges when a timeline ended on the way. */
function rangeOf(manifest: string): { start: WalPosition; end: WalPosition } {
  const { 'WAL-Ranges': ranges } = JSON.parse(manifest) as {
    'WAL-Ranges': Array<{ Timeline: number; 'Start-LSN': string; 'End-LSN': string }>
  }
  const [first, last] = [ranges[0], ranges.at(-1)]
  if (!first || !last) throw new TenfoldError('program-failed', 'the manifest of the base backup names no log')
  const at = (timeline: number, lsn: string) => ({ timeline, lsn: parseLsn(lsn) })
  return { start: at(first.Timeline, first['Start-LSN']), end: at(last.Timeline, last['End-LSN']) }
}

function explain(error: unknown, source: ArchivedServer): unknown {
  if (error instanceof TenfoldError) return error
  const isRefused = ['28P01', '28000'].includes((error as { code?: string }).code ?? '')
  const message = `the base backup of ${source.id} broke off`
  return new TenfoldError(isRefused ? 'unauthorized' : 'unavailable', message, { cause: error })
}
