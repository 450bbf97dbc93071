// A file that is written piece by piece under a name that nobody reads, and gets its real name when it is whole.
//
// Nothing is synced: after a crash of the process all that was written is there, and after one of the machine the checksums tell
// what is not. Waiting for the disk would buy copies of what servers have anyway, at the price of every other read and write.

import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import type { KeptHead } from '../contract.ts'
import { BlockChecksums, encodeTail } from './object-file.ts'

/** In one system call; what is written then is not given back before all of it is. */
const chunksAtOnceMax = 4

export class FileStream {
  /** Bytes that were given and are not written. */
  pendingBytes = 0
  /** Called when some of them were. */
  onWritten: ((bytes: number) => void) | undefined
  /** Called once when the file cannot be written. */
  onFailed: ((error: unknown) => void) | undefined
  readonly #checksums = new BlockChecksums()
  readonly #path: string
  #chunks: Buffer[] = []
  #handle: FileHandle | undefined
  #error: unknown
  #isAborted = false
  #work: Promise<void>
  #isPumping = true

  constructor(path: string) {
    this.#path = path
    this.#work = this.#pump()
  }

  get #temporaryPath(): string {
    return temporaryOf(this.#path)
  }

  /** Bytes of the body, which must not change any more. */
  add(bytes: Buffer): void {
    if (this.#error !== undefined || this.#isAborted) return
    this.#checksums.add(bytes)
    this.#push(bytes)
  }

  /** The checksums of the whole body, at once, and when the file stands. Once. */
  finish(head: KeptHead): { checksums: Uint32Array; headBytes: number; landing: Promise<void> } {
    const checksums = this.#checksums.finish()
    const { tail, headBytes } = encodeTail(head, checksums)
    this.#push(tail)
    return { checksums, headBytes, landing: this.#land() }
  }

  abort(): void {
    if (this.#isAborted) return
    this.#isAborted = true
    this.#drop()
    void this.#work.then(() => this.#discard())
  }

  async #land(): Promise<void> {
    await this.#work
    try {
      if (this.#error !== undefined) throw this.#error
      const handle = this.#handle
      this.#handle = undefined
      await handle?.close()
      await rename(this.#temporaryPath, this.#path)
    } catch (error) {
      await this.#discard()
      throw error
    }
  }

  #push(bytes: Buffer): void {
    if (this.#error !== undefined || this.#isAborted) return
    this.#chunks.push(bytes)
    this.pendingBytes += bytes.length
    if (this.#isPumping) return
    this.#isPumping = true
    this.#work = this.#pump()
  }

  async #pump(): Promise<void> {
    try {
      this.#handle ??= await open(this.#temporaryPath, 'wx', 0o600)
      while (this.#chunks.length > 0) {
        const count = Math.min(this.#chunks.length, chunksAtOnceMax)
        await writeAll(this.#handle, this.#chunks.slice(0, count))
        // An abort meanwhile has counted them.
        if (this.#isAborted) return
        const written = this.#chunks.splice(0, count)
        this.#written(written.reduce((sum, { length }) => sum + length, 0))
      }
    } catch (error) {
      this.#error = error
      this.#drop()
      this.onFailed?.(error)
    } finally {
      this.#isPumping = false
    }
  }

  #drop(): void {
    const bytes = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    this.#chunks = []
    this.#written(bytes)
  }

  #written(bytes: number): void {
    this.pendingBytes -= bytes
    this.onWritten?.(bytes)
  }

  async #discard(): Promise<void> {
    // It may never have come to be; what cannot be removed now is removed at the next start.
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
    await unlink(this.#temporaryPath).catch(() => {})
  }
}

async function writeAll(handle: FileHandle, chunks: readonly Buffer[]): Promise<void> {
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
  let { bytesWritten } = await handle.writev(chunks)
  if (bytesWritten === bytes) return
  // Rare: a disk that fills takes a part first, and says so the next time.
  const rest = Buffer.concat(chunks)
  while (bytesWritten < bytes) bytesWritten += (await handle.write(rest, bytesWritten)).bytesWritten
}

export function temporaryOf(path: string): string {
  return `${path}.part`
}
