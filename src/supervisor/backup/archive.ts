// What a shard has in the store, and how it is named:
//
//   <shard>/archive.json                       whose log it is, and from where to where it reaches
//   <shard>/wal/<segment>.zst                  a whole segment of the log
//   <shard>/wal/<segment>.partial.zst          the beginning of the segment that is being written, renewed every few seconds
//   <shard>/wal/<timeline>.history             how a timeline came about
//   <shard>/base/<id>/base.tar.zst, manifest   a base backup
//   <shard>/base/<id>/backup.json              written last: what has none is no backup
//
// zstd frames carry a checksum of their content, so that a damaged segment is an error and not a wrong one.

import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { TenfoldError } from '../../base/errors.ts'
import {
  historyName,
  parseSegmentName,
  segmentBytes,
  segmentName,
  type WalPosition,
} from '../../programs/postgres/wal-segment.ts'
import { readJsonIfAny, readWhole, writeJson } from './store/content.ts'
import type { BackupStore } from './store/contract.ts'

/** A stretch of the log without a gap, across timelines. Times are ISO 8601, positions as PostgreSQL prints them. */
export interface ArchiveRun {
  startTimeline: number
  startLsn: string
  startedAt: string
  /** Where it ends; of the last run: has come to. */
  timeline: number
  lsn: string
  /** Everything that was acknowledged until then is in it; null before anything is known. */
  until: string | null
}

export interface ArchiveState {
  /** PostgreSQL's number of the cluster: no other cluster may write here. */
  systemIdentifier: string
  /** Oldest first. A new one begins where something is missing. */
  runs: ArchiveRun[]
}

export interface BackupRecord {
  /** When it was begun, so that ids sort by time: 20261125T130000123Z. */
  id: string
  shard: string
  /** Of the archive's run that it stands on, its beginning: the log from `startLsn` on is in that run. */
  runStartedAt: string
  /** Of its end. */
  timeline: number
  startLsn: string
  /** One can restore from here on. */
  stopLsn: string
  startedAt: string
  finishedAt: string
  /** The node it was read from. */
  source: string
  bytes: number
  storedBytes: number
  /** Of base.tar.zst. */
  sha256: string
}

/** Fast, and about a third of the size. */
export const zstdParams = {
  [constants.ZSTD_c_compressionLevel]: 3,
  [constants.ZSTD_c_checksumFlag]: 1,
}
const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

export class ShardArchive {
  readonly store: BackupStore
  readonly shard: string

  constructor(store: BackupStore, shard: string) {
    this.store = store
    this.shard = shard
  }

  /** Undefined when nothing was ever archived here. */
  readState(): Promise<ArchiveState | undefined> {
    return readJsonIfAny<ArchiveState>(this.store, `${this.shard}/archive.json`)
  }

  writeState(state: ArchiveState): Promise<void> {
    return writeJson(this.store, `${this.shard}/archive.json`, state)
  }

  async putSegment(at: WalPosition, content: Buffer): Promise<void> {
    const name = segmentName(at)
    await this.store.put(this.#wal(`${name}.zst`), await compress(content, { params: zstdParams }))
    await this.store.delete(this.#wal(`${name}.partial.zst`))
  }

  async putPartial(at: WalPosition, content: Buffer): Promise<void> {
    await this.store.put(this.#wal(`${segmentName(at)}.partial.zst`), await compress(content, { params: zstdParams }))
  }

  async putHistory(timeline: number, text: string): Promise<void> {
    await this.store.put(this.#wal(historyName(timeline)), Buffer.from(text))
  }

  /** A file as the server asks for it, by its own name. @throws not-found, program-failed when it is damaged. */
  async readWalFile(name: string): Promise<Buffer> {
    if (name.endsWith('.history')) return readWhole(this.store, this.#wal(name))
    const content = await this.#read(`${name}.zst`)
    if (content.length !== segmentBytes)
      throw new TenfoldError('program-failed', `${name} in ${this.store.place} has ${content.length} bytes`)
    return content
  }

  /** The beginning of a segment, the rest zeros, as the server would have it on its disk. @throws as readWalFile */
  async readPartial(name: string): Promise<Buffer> {
    const segment = Buffer.alloc(segmentBytes)
    ;(await this.#read(`${name}.partial.zst`)).copy(segment)
    return segment
  }

  async listWal(): Promise<WalListing> {
    const listing: WalListing = { segments: new Set(), partials: new Set(), histories: new Set() }
    for (const { name } of await this.store.list(`${this.shard}/wal/`)) {
      const file = name.slice(name.lastIndexOf('/') + 1)
      const [bare = ''] = file.split('.')
      if (file.endsWith('.history')) listing.histories.add(Number.parseInt(bare, 16))
      else if (parseSegmentName(bare)) (file.endsWith('.partial.zst') ? listing.partials : listing.segments).add(bare)
    }
    return listing
  }

  async deleteSegment(name: string): Promise<void> {
    for (const suffix of ['zst', 'partial.zst']) await this.store.delete(this.#wal(`${name}.${suffix}`))
  }

  /** Oldest first. */
  async listBackups(): Promise<BackupRecord[]> {
    const records: BackupRecord[] = []
    for (const { name } of await this.store.list(`${this.shard}/base/`)) {
      if (!name.endsWith('/backup.json')) continue
      const record = await readJsonIfAny<BackupRecord>(this.store, name)
      if (record) records.push(record)
    }
    return records.sort((one, other) => (one.id < other.id ? -1 : 1))
  }

  /** Name of one of a backup's own files. */
  backupFile(id: string, file: 'base.tar.zst' | 'manifest' | 'backup.json'): string {
    return `${this.shard}/base/${id}/${file}`
  }

  /** The record first: a backup that is half deleted is none. */
  async deleteBackup(id: string): Promise<void> {
    for (const file of ['backup.json', 'manifest', 'base.tar.zst'] as const)
      await this.store.delete(this.backupFile(id, file))
  }

  /** Backups whose record was never written, begun before the moment. */
  async listUnfinished(beforeId: string): Promise<string[]> {
    const names = (await this.store.list(`${this.shard}/base/`)).map(({ name }) => name)
    const ids = new Set(names.map((name) => name.split('/')[2] ?? ''))
    return [...ids].filter((id) => id < beforeId && !names.includes(this.backupFile(id, 'backup.json')))
  }

  async #read(file: string): Promise<Buffer> {
    const stored = await readWhole(this.store, this.#wal(file))
    try {
      return await decompress(stored, { maxOutputLength: segmentBytes })
    } catch (cause) {
      throw new TenfoldError('program-failed', `${file} in ${this.store.place} is damaged`, { cause })
    }
  }

  #wal(file: string): string {
    return `${this.shard}/wal/${file}`
  }
}

export interface WalListing {
  segments: Set<string>
  partials: Set<string>
  /** The timelines whose history is there. */
  histories: Set<number>
}

export function backupIdOf(at: Date): string {
  return at.toISOString().replace(/[-:.]/g, '')
}
