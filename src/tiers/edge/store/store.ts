// The store: the index, the memory tier, the disk tier and the purges put together.
//
// An answer is in the index or it is gone. While it is there, its body is in memory, on disk, or both: what memory has no room
// for stays as long as it is on disk, and what the disk has no room for as long as it is in memory.

import { type Clock, systemClock } from '../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../base/errors.ts'
import type { Purge } from '../contract.ts'
import { AnswerIndex } from './answer-index.ts'
import { AnswerWriter, type Destination } from './answer-writer.ts'
import type { Kept, KeptHead, KeptReader, KeptWriter, PurgeMark, Store, StoreBounds } from './contract.ts'
import type { DiskBody } from './disk/disk-body.ts'
import { DiskTier } from './disk/disk-tier.ts'
import { Entry } from './entry.ts'
import { GhostList } from './ghost-list.ts'
import {
  headsOfDiskShareMax,
  memoryObjectShareMax,
  receivingShareMax,
  scanWaitMs,
  tagsMax,
  wholeFromDiskBytesMax,
} from './limits.ts'
import { PurgeHistory, urlOf } from './purge-history.ts'
import { GrowingBody, ReceivingBudget } from './receiving.ts'
import { Place, S3Fifo } from './s3-fifo.ts'

export interface StoreOptions {
  clock?: Clock
  /** Of the disk tier, for this process alone; it may be thrown away at any time but while the process runs. */
  directory?: string
  /** The disk failed. The store goes on without what it could not write or read. */
  onTrouble?: (error: TenfoldError) => void
}

/** Finds what an earlier process left in the directory. Without one that can be used it keeps in memory only, and tells. */
export async function openStore(bounds: StoreBounds, options: StoreOptions = {}): Promise<Store> {
  const store = new AnswerStore(bounds)
  const { directory } = options
  if (directory === undefined) return store
  try {
    await store.openDisk(directory, options)
  } catch (cause) {
    const message = `no answers are kept on disk, because ${directory} cannot be used: ${describeError(cause)}`
    options.onTrouble?.(new TenfoldError('unavailable', message, { cause, details: { directory } }))
  }
  return store
}

class AnswerStore implements Store {
  #bounds: StoreBounds
  readonly #index = new AnswerIndex()
  readonly #memory = new S3Fifo<Entry>()
  readonly #purges = new PurgeHistory()
  readonly #receiving: ReceivingBudget
  #disk: DiskTier | undefined
  /** What is known of answers whose bodies are on disk only. */
  #headOnlyBytes = 0
  /** Keys of large answers that were asked for once, with `admission: 'second'`. */
  readonly #askedOnce = new GhostList()

  constructor(bounds: StoreBounds) {
    this.#bounds = bounds
    this.#receiving = new ReceivingBudget(bounds.memoryBytesMax * receivingShareMax, () => this.#fit())
  }

  async openDisk(path: string, { clock = systemClock, onTrouble = () => {} }: StoreOptions): Promise<void> {
    const asked = this.mark()
    const owner = {
      onFound: (head: KeptHead) => this.#enterFound(head, asked),
      onFileGone: (entry: Entry) => {
        if (!entry.body) this.#drop(entry)
      },
      onTrouble,
    }
    const { diskBytesMax: bytesMax, objectsMax } = this.#bounds
    this.#disk = await DiskTier.open({ path, bytesMax, objectsMax, owner, clock }, scanWaitMs)
  }

  get objects(): number {
    return this.#index.count
  }

  get memoryBytes(): number {
    return this.#memory.bytes + this.#receiving.bytes + this.#headOnlyBytes
  }

  get diskBytes(): number {
    return this.#disk?.bytes ?? 0
  }

  get wholeBytesMax(): number {
    const { memoryBytesMax, objectBytesMax } = this.#bounds
    const bytesMax = Math.min(objectBytesMax, Math.floor(memoryBytesMax * memoryObjectShareMax))
    return this.#isDiskUsed ? Math.min(bytesMax, wholeFromDiskBytesMax) : bytesMax
  }

  find(key: string): readonly Kept[] {
    return this.#index.find(key)
  }

  touch(kept: Kept): void {
    const entry = kept as Entry
    if (entry.memory) this.#memory.touch(entry.memory)
    const disk = this.#disk
    if (!disk || entry.isGone) return
    if (entry.file) disk.touch(entry)
    else disk.offer(entry)
  }

  mark(): PurgeMark {
    return this.#purges.mark
  }

  begin(key: string, bytesExpected: number, asked: PurgeMark = this.#purges.mark): KeptWriter | undefined {
    const { objectBytesMax } = this.#bounds
    if (bytesExpected > objectBytesMax) return undefined
    const destination: Destination = {
      keepInMemory: (head, body) => this.#keep(head, asked, body),
      keepOnDisk: (head, body) => this.#keepOnDisk(head, asked, body),
      toDisk: () => (this.#admits(key) ? this.#disk?.receive(this.#receiving, objectBytesMax) : undefined),
    }
    if (bytesExpected > this.wholeBytesMax) {
      const disk = destination.toDisk()
      return disk && new AnswerWriter(key, destination, { disk })
    }
    const memory = new GrowingBody(this.#receiving, this.wholeBytesMax)
    if (bytesExpected > 0 && !memory.reserve(bytesExpected)) return undefined
    return new AnswerWriter(key, destination, { memory })
  }

  async read(kept: Kept): Promise<Buffer> {
    if (kept.body) return kept.body
    const entry = kept as Entry
    if (!this.#disk) throw goneError(kept)
    const body = await this.#disk.read(entry)
    // Those who shared the reading come by here too, and so may one who comes after the entry went to disk again.
    if (!entry.isGone && !entry.body && body.length <= this.wholeBytesMax) this.#takeIntoMemory(entry, body)
    return body
  }

  async open(kept: Kept): Promise<KeptReader> {
    const { body } = kept
    if (body) return { read: async (start, end) => body.subarray(start, end), close: async () => {} }
    if (!this.#disk) throw goneError(kept)
    return this.#disk.open(kept as Entry)
  }

  refresh(kept: Kept, head: KeptHead, asked: PurgeMark = this.#purges.mark): Kept {
    const entry = kept as Entry
    const verdict = this.#purges.verdict(asked, head.key, head.tags)
    if (verdict === 'gone' || head.tags.length > tagsMax) this.#drop(entry)
    if (entry.isGone) {
      entry.replaceHead(head)
      return entry
    }
    this.#index.remove(entry)
    entry.replaceHead(verdict === 'soft' ? { ...head, needsValidation: true } : head)
    this.#enter(entry)
    this.#disk?.onHeadChanged(entry)
    return entry
  }

  remove(kept: Kept): void {
    const entry = kept as Entry
    // Logged for all its variants: after a crash, to fetch one more does no harm.
    if (!entry.isGone && (entry.file || entry.isOffered)) this.#disk?.onPurge({ url: urlOf(entry.head.key) }, [entry])
    this.#drop(entry)
  }

  purge(purge: Purge): number {
    this.#purges.add(purge)
    const entries = this.#index.select(purge)
    this.#disk?.onPurge(purge, entries)
    for (const entry of entries)
      if (!purge.soft) this.#drop(entry)
      else {
        // No index depends on what changes.
        entry.head = { ...entry.head, needsValidation: true }
        entry.prepared = undefined
        this.#disk?.onHeadChanged(entry)
      }
    return entries.length
  }

  resize(bounds: StoreBounds): void {
    this.#bounds = bounds
    this.#receiving.bytesMax = bounds.memoryBytesMax * receivingShareMax
    this.#disk?.resize(bounds.diskBytesMax)
    this.#fit()
  }

  async close(): Promise<void> {
    await this.#disk?.close()
  }

  get #isDiskUsed(): boolean {
    return this.#disk !== undefined && this.#bounds.diskBytesMax > 0 && this.#disk.isWell
  }

  #keep(head: KeptHead, asked: PurgeMark, body: Buffer): Kept | undefined {
    const entry = this.#entryFor(head, asked, body)
    if (!entry) return undefined
    this.#enter(entry)
    if (this.#bounds.admission === 'first' && !entry.isGone) this.#disk?.offer(entry)
    return entry.isGone ? undefined : entry
  }

  #keepOnDisk(head: KeptHead, asked: PurgeMark, body: DiskBody): Kept | undefined {
    const entry = this.#entryFor(head, asked, undefined)
    if (!entry || !this.#disk) {
      body.abort()
      return undefined
    }
    this.#disk.land(entry, body)
    if (!entry.isGone) this.#enter(entry)
    return entry.isGone ? undefined : entry
  }

  #entryFor(head: KeptHead, asked: PurgeMark, body: Buffer | undefined): Entry | undefined {
    const verdict = this.#purges.verdict(asked, head.key, head.tags)
    if (verdict === 'gone' || head.tags.length > tagsMax) return undefined
    return new Entry(verdict === 'soft' ? { ...head, needsValidation: true } : head, body)
  }

  #enterFound(head: KeptHead, asked: PurgeMark): Entry | undefined {
    const entry = this.#entryFor(head, asked, undefined)
    const { memoryBytesMax, objectsMax } = this.#bounds
    if (!entry || this.#index.count >= objectsMax) return undefined
    if (this.#headOnlyBytes + entry.headBytes > memoryBytesMax * headsOfDiskShareMax) return undefined
    if (!this.#index.addFound(entry)) return undefined
    this.#count(entry)
    this.#fit()
    return entry
  }

  /** A large answer goes to disk, if there is one, when it is asked for again. */
  #admits(key: string): boolean {
    if (!this.#disk || this.#bounds.admission === 'first' || this.#askedOnce.take(key)) return true
    this.#askedOnce.add(key, 0, 0)
    return false
  }

  #enter(entry: Entry): void {
    for (const displaced of this.#index.add(entry)) this.#drop(displaced)
    this.#count(entry)
    this.#fit()
  }

  #takeIntoMemory(entry: Entry, body: Buffer): void {
    entry.body = body
    this.#count(entry)
    this.#fit()
  }

  /** What it takes in memory, in whose queues it keeps its place. */
  #count(entry: Entry): void {
    this.#headOnlyBytes -= entry.headOnlyBytes
    entry.headOnlyBytes = entry.body ? 0 : entry.headBytes
    this.#headOnlyBytes += entry.headOnlyBytes
    if (!entry.body) return
    const bytes = entry.headBytes + entry.body.length
    if (entry.memory) this.#memory.resize(entry.memory, bytes)
    else {
      entry.memory = new Place(entry, entry.head.key, bytes)
      this.#memory.add(entry.memory)
    }
  }

  /** Whoever holds it may still read its body, if that is in memory. */
  #drop(entry: Entry): void {
    if (entry.isGone) return
    entry.isGone = true
    this.#index.remove(entry)
    if (entry.memory) this.#memory.remove(entry.memory)
    entry.memory = undefined
    this.#headOnlyBytes -= entry.headOnlyBytes
    entry.headOnlyBytes = 0
    this.#disk?.forget(entry)
  }

  /** Throws out until all is within its bounds. */
  #fit(): void {
    while (this.memoryBytes > this.#bounds.memoryBytesMax || this.#index.count > this.#bounds.objectsMax)
      if (!this.#evict()) return
  }

  #evict(): boolean {
    const { memoryBytesMax, objectsMax } = this.#bounds
    if (this.#index.count > objectsMax) return this.#evictAnswer()
    const isDiskLarge = this.#headOnlyBytes > memoryBytesMax * headsOfDiskShareMax
    if (isDiskLarge && this.#disk?.evict()) return true
    const entry = this.#memory.evict(memoryBytesMax - this.#receiving.bytes - this.#headOnlyBytes)?.value
    if (!entry) return this.#disk?.evict() ?? false
    entry.memory = undefined
    if (!entry.file) this.#drop(entry)
    else {
      entry.body = undefined
      this.#count(entry)
    }
    return true
  }

  /** One answer less, wherever its body is. */
  #evictAnswer(): boolean {
    if (this.#disk && this.#disk.count > this.#memory.count && this.#disk.evict()) return true
    const entry = this.#memory.evict(this.#bounds.memoryBytesMax)?.value
    if (!entry) return this.#disk?.evict() ?? false
    entry.memory = undefined
    this.#drop(entry)
    return true
  }
}

function goneError(kept: Kept): TenfoldError {
  return new TenfoldError('not-found', `the body of ${kept.head.key} is not kept any more`)
}
