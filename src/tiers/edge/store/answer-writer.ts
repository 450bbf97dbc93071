// A body on its way into the store: in memory as long as it may stay there, then on to the disk.

import type { Kept, KeptHead, KeptWriter } from './contract.ts'
import type { DiskBody } from './disk/disk-body.ts'
import type { GrowingBody } from './receiving.ts'

/** What becomes of it. */
export interface Destination {
  keepInMemory(head: KeptHead, body: Buffer): Kept | undefined
  keepOnDisk(head: KeptHead, body: DiskBody): Kept | undefined
  /** It does not fit into memory. Undefined when it is not kept on disk either. */
  toDisk(): DiskBody | undefined
}

export class AnswerWriter implements KeptWriter {
  onDrain: (() => void) | undefined
  readonly #key: string
  readonly #destination: Destination
  #memory: GrowingBody | undefined
  #disk: DiskBody | undefined

  constructor(key: string, destination: Destination, body: { memory: GrowingBody } | { disk: DiskBody }) {
    this.#key = key
    this.#destination = destination
    if ('memory' in body) this.#memory = body.memory
    else this.#useDisk(body.disk)
  }

  get isBackedUp(): boolean {
    return this.#disk?.isBackedUp ?? false
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    const isKept = this.#memory
      ? this.#memory.add(bytes, start, end) || this.#spill(bytes, start, end)
      : this.#disk?.add(bytes, start, end)
    if (!isKept) this.abort()
    return isKept ?? false
  }

  commit(head: KeptHead): Kept | undefined {
    const body = this.#memory ?? this.#disk
    if (!body || body.size !== head.bytes || head.key !== this.#key) {
      this.abort()
      return undefined
    }
    const memory = this.#memory
    this.#memory = undefined
    this.#disk = undefined
    return memory
      ? this.#destination.keepInMemory(head, memory.take())
      : this.#destination.keepOnDisk(head, body as DiskBody)
  }

  abort(): void {
    this.#memory?.drop()
    this.#memory = undefined
    this.#disk?.abort()
    this.#disk = undefined
  }

  #spill(bytes: Buffer, start: number, end: number): boolean {
    const disk = this.#destination.toDisk()
    const body = this.#memory?.take()
    this.#memory = undefined
    if (!disk || !body) return false
    this.#useDisk(disk)
    return (body.length === 0 || disk.begin(body)) && disk.add(bytes, start, end)
  }

  #useDisk(disk: DiskBody): void {
    this.#disk = disk
    disk.onDrain = () => this.onDrain?.()
  }
}
