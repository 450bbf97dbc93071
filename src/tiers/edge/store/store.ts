// The store: the index, the memory tier and the purges put together.
//
// An answer is in the index or it is gone; while it is there, its body is in memory.

import { type Clock, systemClock } from '../../../base/clock.ts'
import { TenfoldError } from '../../../base/errors.ts'
import type { Purge } from '../contract.ts'
import { AnswerIndex } from './answer-index.ts'
import type { Kept, KeptHead, KeptReader, KeptWriter, PurgeMark, Store, StoreBounds } from './contract.ts'
import { Entry } from './entry.ts'
import { memoryObjectShareMax, receivingShareMax, tagsMax } from './limits.ts'
import { PurgeHistory } from './purge-history.ts'
import { GrowingBody, ReceivingBudget } from './receiving.ts'
import { Place, S3Fifo } from './s3-fifo.ts'

export interface StoreOptions {
  clock?: Clock
}

export async function openStore(bounds: StoreBounds, options: StoreOptions = {}): Promise<Store> {
  return new AnswerStore(bounds, options.clock ?? systemClock)
}

class AnswerStore implements Store {
  #bounds: StoreBounds
  readonly #index = new AnswerIndex()
  readonly #memory = new S3Fifo<Entry>()
  readonly #purges = new PurgeHistory()
  readonly #receiving: ReceivingBudget

  constructor(bounds: StoreBounds, _clock: Clock) {
    this.#bounds = bounds
    this.#receiving = new ReceivingBudget(bounds.memoryBytesMax * receivingShareMax, () => this.#fit())
  }

  get objects(): number {
    return this.#index.count
  }

  get memoryBytes(): number {
    return this.#memory.bytes + this.#receiving.bytes
  }

  get diskBytes(): number {
    return 0
  }

  get wholeBytesMax(): number {
    return Math.min(this.#bounds.objectBytesMax, Math.floor(this.#bounds.memoryBytesMax * memoryObjectShareMax))
  }

  find(key: string): readonly Kept[] {
    return this.#index.find(key)
  }

  touch(kept: Kept): void {
    const { memory } = kept as Entry
    if (memory) this.#memory.touch(memory)
  }

  mark(): PurgeMark {
    return this.#purges.mark
  }

  begin(key: string, bytesExpected: number, asked: PurgeMark = this.#purges.mark): KeptWriter | undefined {
    const bytesMax = this.wholeBytesMax
    if (bytesExpected > bytesMax) return undefined
    const body = new GrowingBody(this.#receiving, bytesMax)
    if (bytesExpected > 0 && !body.reserve(bytesExpected)) return undefined
    return new MemoryWriter(body, (head, bytes) => (head.key === key ? this.#keep(head, bytes, asked) : undefined))
  }

  async read(kept: Kept): Promise<Buffer> {
    if (kept.body) return kept.body
    throw gone(kept)
  }

  async open(kept: Kept): Promise<KeptReader> {
    const { body } = kept
    if (!body) throw gone(kept)
    return { read: async (start, end) => body.subarray(start, end), close: async () => {} }
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
    this.#add(entry)
    return entry
  }

  remove(kept: Kept): void {
    this.#drop(kept as Entry)
  }

  purge(purge: Purge): number {
    this.#purges.add(purge)
    const entries = this.#index.select(purge)
    for (const entry of entries)
      if (!purge.soft) this.#drop(entry)
      else {
        // No index depends on what changes.
        entry.head = { ...entry.head, needsValidation: true }
        entry.prepared = undefined
      }
    return entries.length
  }

  resize(bounds: StoreBounds): void {
    this.#bounds = bounds
    this.#receiving.bytesMax = bounds.memoryBytesMax * receivingShareMax
    this.#fit()
  }

  async close(): Promise<void> {
    this.#index.clear()
    this.#memory.clear()
  }

  #keep(head: KeptHead, body: Buffer, asked: PurgeMark): Kept | undefined {
    if (head.tags.length > tagsMax) return undefined
    const verdict = this.#purges.verdict(asked, head.key, head.tags)
    if (verdict === 'gone') return undefined
    const entry = new Entry(verdict === 'soft' ? { ...head, needsValidation: true } : head, body)
    this.#add(entry)
    return entry.isGone ? undefined : entry
  }

  /** Into the index and the memory tier, in whose queues a refreshed one keeps its place. */
  #add(entry: Entry): void {
    for (const displaced of this.#index.add(entry)) this.#drop(displaced)
    const bytes = entry.headBytes + (entry.body?.length ?? 0)
    if (entry.memory) this.#memory.resize(entry.memory, bytes)
    else {
      entry.memory = new Place(entry, entry.head.key, bytes)
      this.#memory.add(entry.memory)
    }
    this.#fit()
  }

  #drop(entry: Entry): void {
    if (entry.isGone) return
    entry.isGone = true
    this.#index.remove(entry)
    if (entry.memory) this.#memory.remove(entry.memory)
    entry.memory = undefined
  }

  /** Throws out until all is within its bounds. */
  #fit(): void {
    const { memoryBytesMax, objectsMax } = this.#bounds
    while (this.memoryBytes > memoryBytesMax || this.#index.count > objectsMax) {
      const evicted = this.#memory.evict(memoryBytesMax - this.#receiving.bytes)
      if (!evicted) return
      evicted.value.memory = undefined
      this.#drop(evicted.value)
    }
  }
}

function gone(kept: Kept): TenfoldError {
  return new TenfoldError('not-found', `the body of ${kept.head.key} is not kept any more`)
}

class MemoryWriter implements KeptWriter {
  readonly isBackedUp = false
  onDrain: (() => void) | undefined
  #body: GrowingBody | undefined
  readonly #keep: (head: KeptHead, body: Buffer) => Kept | undefined

  constructor(body: GrowingBody, keep: (head: KeptHead, body: Buffer) => Kept | undefined) {
    this.#body = body
    this.#keep = keep
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    if (!this.#body) return false
    if (this.#body.add(bytes, start, end)) return true
    this.abort()
    return false
  }

  commit(head: KeptHead): Kept | undefined {
    const body = this.#body
    if (!body) return undefined
    if (body.size !== head.bytes) {
      this.abort()
      return undefined
    }
    this.#body = undefined
    return this.#keep(head, body.take())
  }

  abort(): void {
    this.#body?.drop()
    this.#body = undefined
  }
}
