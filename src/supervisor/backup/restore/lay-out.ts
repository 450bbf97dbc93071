// A base backup out of the store, unpacked into a data directory, every file compared with the manifest.

import { createHash } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { describeError, TenfoldError } from '../../../base/errors.ts'
import { BackupWriter } from '../../../programs/postgres/backup-writer.ts'
import { makeDirFor, syncCluster } from '../../../programs/postgres/cluster.ts'
import type { ServerOwner } from '../../../programs/postgres/contract.ts'
import { verifyManifest } from '../../../programs/postgres/manifest.ts'
import { TarReader } from '../../../programs/postgres/tar-reader.ts'
import type { BackupRecord, ShardArchive } from '../archive.ts'
import { readWhole } from '../store/content.ts'

const progressEveryBytes = 16 * 1024 * 1024

export interface LayOutOptions {
  archive: ShardArchive
  backup: BackupRecord
  dataDir: string
  owner: ServerOwner | undefined
  onProgress?: (progress: { bytes: number; totalBytes: number }) => void
}

/** Resolves when the directory is whole and on disk. @throws program-failed when the backup is damaged, disk-full, ... */
export async function layOut({ archive, backup, dataDir, owner, onProgress }: LayOutOptions): Promise<void> {
  const manifest = (await readWhole(archive.store, archive.backupFile(backup.id, 'manifest'))).toString('utf8')
  await makeDirFor(owner, dataDir)
  const writer = new BackupWriter(dataDir, owner)
  try {
    await unpack(archive, backup, writer, onProgress)
    verifyManifest(manifest, writer.written)
  } catch (error) {
    await writer.abandon()
    throw explain(error, backup, dataDir)
  }
  await syncCluster(dataDir)
}

async function unpack(
  archive: ShardArchive,
  backup: BackupRecord,
  writer: BackupWriter,
  onProgress: LayOutOptions['onProgress'],
): Promise<void> {
  const stored = await archive.store.get(archive.backupFile(backup.id, 'base.tar.zst'))
  const hash = createHash('sha256')
  const counted = new PassThrough().on('data', (piece: Buffer) => hash.update(piece))
  const tar = new TarReader(writer)
  let [bytes, toldBytes] = [0, 0]
  await pipeline(stored, counted, createZstdDecompress(), async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) {
      await tar.write(piece)
      bytes += piece.length
      if (bytes - toldBytes < progressEveryBytes) continue
      toldBytes = bytes
      onProgress?.({ bytes, totalBytes: backup.bytes })
    }
  })
  tar.end()
  if (hash.digest('hex') !== backup.sha256)
    throw new TenfoldError('program-failed', `the backup ${backup.id} is damaged: its checksum does not hold`)
}

function explain(error: unknown, backup: BackupRecord, dataDir: string): unknown {
  if (error instanceof TenfoldError) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === 'ENOSPC')
    return new TenfoldError('disk-full', `the disk that holds ${dataDir} is full; the restore was given up`, {
      cause: error,
    })
  const isDamaged = code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR' || code === 'ERR_BUFFER_OUT_OF_BOUNDS'
  const message = `the backup ${backup.id} ${isDamaged ? 'is damaged' : 'could not be read'}: ${describeError(error)}`
  return new TenfoldError(isDamaged ? 'program-failed' : 'unavailable', message, { cause: error })
}
