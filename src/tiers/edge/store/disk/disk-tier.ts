// Bodies on disk: what is written, read back, thrown out and found again at the next start.
//
// The tier never fails the store. A file that cannot be written is not kept, one that cannot be read is gone, and after a failure
// of the disk nothing is written for a while. The room is kept by S3-FIFO, as in memory.

import { unlinkSync } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import type { Clock } from '../../../../base/clock.ts'
import type { TenfoldError } from '../../../../base/errors.ts'
import type { Purge } from '../../contract.ts'
import type { KeptHead, KeptReader } from '../contract.ts'
import type { Entry } from '../entry.ts'
import type { ReceivingBudget } from '../receiving.ts'
import { Place, S3Fifo } from '../s3-fifo.ts'
import { Background } from './background.ts'
import { DiskBody } from './disk-body.ts'
import { DiskHealth, isFull } from './disk-health.ts'
import { DiskPurges } from './disk-purges.ts'
import { DiskReads } from './disk-reads.ts'
import { FileStream } from './file-stream.ts'
import { Folder } from './folder.ts'
import { encodeTail } from './object-file.ts'
import { type FoundFile, scan } from './scan.ts'
import { fileBytesOf, type StoredFile } from './stored-file.ts'

/** Of libuv's four threads, which reads, compression and name look-ups need too. */
const writesAtOnceMax = 2
const writesWaitingMax = 1024
const bodiesAtOnceMax = 64
/** One answer takes at most this share of the disk, or a few would push out all others. */
const objectShareMax = 1 / 4
/** What is given up when the file system is full although our own bound is not reached: somebody else needs the room. */
const yieldedShare = 0.1
const closeWaitMs = 5000

/** The store, as the disk tier sees it. */
export interface DiskOwner {
  /** Takes an answer of an earlier process into the index. Undefined: it is not wanted. */
  onFound(head: KeptHead): Entry | undefined
  /** The file is gone; without a body in memory the answer is too. */
  onFileGone(entry: Entry): void
  onTrouble(error: TenfoldError): void
}

export class DiskTier {
  readonly #folder: Folder
  readonly #owner: DiskOwner
  readonly #clock: Clock
  readonly #health: DiskHealth
  readonly #purges: DiskPurges
  readonly #reads: DiskReads
  readonly #queue = new S3Fifo<Entry>()
  readonly #writes = new Background(writesAtOnceMax)
  readonly #removals = new Background(1)
  readonly #heads = new Background(1)
  /** Files that are being written. */
  readonly #landings = new Set<Promise<unknown>>()
  #bytesMax: number
  #reserved = 0
  #bodies = 0
  #nextSerial = 1
  #scanning: Promise<void> = Promise.resolve()
  #isClosed = false
  #closing: Promise<void> | undefined

  private constructor(path: string, bytesMax: number, owner: DiskOwner, clock: Clock) {
    this.#folder = new Folder(path)
    this.#folder.create()
    this.#bytesMax = bytesMax
    this.#owner = owner
    this.#clock = clock
    this.#health = new DiskHealth(clock, path, (error) => owner.onTrouble(error))
    this.#purges = new DiskPurges(this.#folder.purgeLogPath, () => this.#whenRemoved())
    this.#reads = new DiskReads(this.#folder, (entry, file) => this.#lose(entry, file))
  }

  /** Resolves when what an earlier process left is found, or after `waitMs`; the rest is found meanwhile. */
  static async open(
    options: { path: string; bytesMax: number; objectsMax: number; owner: DiskOwner; clock: Clock },
    waitMs: number,
  ): Promise<DiskTier> {
    const tier = new DiskTier(options.path, options.bytesMax, options.owner, options.clock)
    const serials = await tier.#folder.list()
    tier.#nextSerial = Math.max(serials[0] ?? 0, tier.#purges.newestSerial) + 1
    tier.#scanning = scan(tier.#folder, serials, {
      hasRoom: (seen) => seen < options.objectsMax && tier.bytes < tier.#bytesMax,
      isOver: () => tier.#isClosed,
      find: (found) => tier.#find(found),
      remove: (serial) => tier.#removals.add(() => tier.#removeFile(serial)),
    })
    void tier.#purges.settle()
    const waiting = new AbortController()
    await Promise.race([tier.#scanning, options.clock.sleep(waitMs, waiting.signal)])
    waiting.abort()
    return tier
  }

  get bytes(): number {
    return this.#queue.bytes + this.#reserved
  }

  get count(): number {
    return this.#queue.count
  }

  get objectBytesMax(): number {
    return this.#bytesMax * objectShareMax
  }

  /** It did not fail of late. */
  get isWell(): boolean {
    return this.#health.isWell
  }

  /** Writes it in a while, unless there is too much to do, or it goes before. */
  offer(entry: Entry): void {
    const { body } = entry
    if (entry.file || entry.isOffered || !body || body.length > this.objectBytesMax) return
    if (this.#isClosed || !this.#health.isWell || this.#writes.waiting >= writesWaitingMax) return
    entry.isOffered = true
    this.#writes.add(() => {
      const writing = this.#write(entry).finally(() => {
        entry.isOffered = false
      })
      this.#track(writing)
      return writing
    })
  }

  /** For a body that comes in pieces. */
  receive(budget: ReceivingBudget, bytesMax: number): DiskBody | undefined {
    if (this.#isClosed || !this.#health.isWell || this.#bodies >= bodiesAtOnceMax) return undefined
    this.#bodies++
    const serial = this.#nextSerial++
    const room = {
      reserve: (bytes: number) => this.#reserve(bytes),
      release: (bytes: number) => {
        this.#reserved -= bytes
      },
      onFailed: (error: unknown) => this.#onWriteFailed(error),
      onEnd: () => {
        this.#bodies--
      },
    }
    const stream = new FileStream(this.#folder.pathOf(serial))
    return new DiskBody(serial, stream, budget, room, Math.min(bytesMax, this.objectBytesMax))
  }

  /** The body that came is that entry's. */
  land(entry: Entry, body: DiskBody): void {
    const { landing, ...tail } = body.finish(entry.head)
    const file: StoredFile = { serial: body.serial, bodyBytes: entry.head.bytes, ...tail, landing }
    this.#add(entry, file)
    const landed = landing.then(
      () => {
        file.landing = undefined
        this.#health.onSuccess()
      },
      (error) => {
        this.#onWriteFailed(error)
        this.#lose(entry, file)
      },
    )
    this.#track(landed)
  }

  touch(entry: Entry): void {
    if (entry.filePlace) this.#queue.touch(entry.filePlace)
  }

  read(entry: Entry): Promise<Buffer> {
    return this.#reads.read(entry)
  }

  open(entry: Entry): Promise<KeptReader> {
    return this.#reads.open(entry)
  }

  /** Writes its new head in a while. */
  onHeadChanged(entry: Entry): void {
    if (!entry.file || entry.isHeadOffered) return
    entry.isHeadOffered = true
    this.#heads.add(() => this.#writeHead(entry))
  }

  /** Its file is not needed any more. */
  forget(entry: Entry): void {
    const { file } = entry
    if (!file) return
    if (entry.filePlace) this.#queue.remove(entry.filePlace)
    entry.file = undefined
    entry.filePlace = undefined
    this.#removals.add(() => this.#removeFile(file.serial, file.landing))
  }

  /** Before the entries that it means are forgotten or marked. */
  onPurge(purge: Purge, entries: readonly Entry[]): void {
    if (this.#isClosed) return
    try {
      this.#purges.add(purge, this.#nextSerial)
    } catch (error) {
      // Without a log the files themselves have to go before the purge returns.
      this.#onWriteFailed(error)
      for (const entry of entries) this.#removeNow(entry)
    }
  }

  /** Throws out one answer's file. False when there is none. */
  evict(): boolean {
    const entry = this.#queue.evict(this.#bytesMax)?.value
    if (!entry) return false
    this.forget(entry)
    this.#owner.onFileGone(entry)
    return true
  }

  resize(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#makeRoom(0)
  }

  /** Finishes what is under way, within a limit. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    const waiting = new AbortController()
    await Promise.race([this.#whenQuiet(), this.#clock.sleep(closeWaitMs, waiting.signal)])
    waiting.abort()
    for (const each of [this.#writes, this.#heads, this.#removals]) each.clear()
    this.#purges.close()
  }

  async #whenQuiet(): Promise<void> {
    await this.#scanning
    await this.#writes.flush()
    await Promise.allSettled(this.#landings)
    await this.#whenRemoved()
    // What the purges meant is gone now, and the log is cut before it is closed.
    await this.#purges.settle()
  }

  /**
   * What purges meant until now is off the disk, or marked there. Removals are waited for last: a file that is being written is
   * removed when it stands, and one that is removed in the meantime is not marked any more.
   */
  async #whenRemoved(): Promise<void> {
    await this.#scanning
    await Promise.allSettled(this.#landings)
    await this.#heads.flush()
    await this.#removals.flush()
  }

  async #write(entry: Entry): Promise<void> {
    const { body, head } = entry
    if (entry.isGone || entry.file || !body) return
    const bytes = fileBytesOf(body.length, entry.headBytes)
    if (!this.#reserve(bytes)) return
    const serial = this.#nextSerial++
    const stream = new FileStream(this.#folder.pathOf(serial))
    stream.add(body)
    const { landing, ...tail } = stream.finish(head)
    try {
      await landing
      this.#health.onSuccess()
    } catch (error) {
      this.#onWriteFailed(error)
      return
    } finally {
      this.#reserved -= bytes
    }
    if (entry.isGone) this.#removals.add(() => this.#removeFile(serial))
    else this.#add(entry, { serial, bodyBytes: body.length, ...tail, landing: undefined })
    if (entry.head !== head) this.onHeadChanged(entry)
  }

  async #writeHead(entry: Entry): Promise<void> {
    entry.isHeadOffered = false
    const { file } = entry
    if (!file) return
    try {
      await file.landing
      const { tail, headBytes } = encodeTail(entry.head, file.checksums, file.headBytes)
      await using handle = await open(this.#folder.pathOf(file.serial), 'r+')
      for (let at = 0; at < tail.length; )
        at += (await handle.write(tail, at, tail.length - at, file.bodyBytes + at)).bytesWritten
      file.headBytes = headBytes
      if (entry.file === file && entry.filePlace)
        this.#queue.resize(entry.filePlace, fileBytesOf(file.bodyBytes, headBytes))
    } catch (error) {
      // A file with half a head is none to the next process, and the body can still be read by this one.
      if (entry.file === file) this.#onWriteFailed(error)
    }
  }

  async #removeFile(serial: number, landing?: Promise<void>): Promise<void> {
    await landing?.catch(() => {})
    // One that was gone before is no failure, and of any other the next start gets rid.
    await unlink(this.#folder.pathOf(serial)).catch(() => {})
  }

  #removeNow(entry: Entry): void {
    const { file } = entry
    if (!file) return
    this.#lose(entry, file)
    try {
      unlinkSync(this.#folder.pathOf(file.serial))
    } catch {
      // It is being written, and removed when it stands.
    }
  }

  #add(entry: Entry, file: StoredFile): void {
    entry.file = file
    entry.filePlace = new Place(entry, entry.head.key, fileBytesOf(file.bodyBytes, file.headBytes))
    this.#queue.add(entry.filePlace)
    this.#makeRoom(0)
  }

  /** The file is not whole, or not there. */
  #lose(entry: Entry, file: StoredFile): void {
    if (entry.file !== file) return
    this.forget(entry)
    this.#owner.onFileGone(entry)
  }

  #onWriteFailed(error: unknown): void {
    const isNews = this.#health.onFailure(error)
    if (isNews && isFull(error)) this.#makeRoom(this.#bytesMax - (1 - yieldedShare) * this.#queue.bytes)
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') this.#recreate()
  }

  /** Somebody removed the folder. */
  #recreate(): void {
    try {
      this.#folder.create()
    } catch (error) {
      this.#health.onFailure(error)
    }
  }

  #reserve(bytes: number): boolean {
    if (!this.#makeRoom(bytes)) return false
    this.#reserved += bytes
    return true
  }

  #makeRoom(bytes: number): boolean {
    while (this.bytes + bytes > this.#bytesMax) if (!this.evict()) return false
    return true
  }

  #track(landing: Promise<unknown>): void {
    this.#landings.add(landing)
    const onSettled = () => {
      this.#landings.delete(landing)
    }
    landing.then(onSettled, onSettled)
  }

  /** Whether it is kept. */
  #find({ serial, head, checksums, headBytes }: FoundFile): boolean {
    const verdict = this.#purges.verdict(serial, head)
    const bytes = fileBytesOf(head.bytes, headBytes)
    if (verdict === 'gone' || this.bytes + bytes > this.#bytesMax) return false
    const entry = this.#owner.onFound(verdict === 'soft' ? { ...head, needsValidation: true } : head)
    if (!entry) return false
    entry.file = { serial, bodyBytes: head.bytes, checksums, headBytes, landing: undefined }
    entry.filePlace = new Place(entry, head.key, bytes)
    this.#queue.addOldest(entry.filePlace)
    // A purge that was too late for the earlier process, or came while this one was looking, marked it.
    if (entry.head !== head) this.onHeadChanged(entry)
    return true
  }
}
