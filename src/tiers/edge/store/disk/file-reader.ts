// Reading a body back, each block against its checksum.

import type { FileHandle } from 'node:fs/promises'
import { areWhole, blockBytes } from './object-file.ts'
import type { StoredFile } from './stored-file.ts'

export class BrokenFile extends Error {}

export class FileReader {
  readonly #handle: FileHandle
  readonly #file: StoredFile
  #isClosed = false

  constructor(handle: FileHandle, file: StoredFile) {
    this.#handle = handle
    this.#file = file
  }

  async read(start: number, end: number): Promise<Buffer> {
    const { bodyBytes, checksums } = this.#file
    const firstBlock = Math.floor(start / blockBytes)
    const from = firstBlock * blockBytes
    const to = Math.min(bodyBytes, Math.ceil(end / blockBytes) * blockBytes)
    const bytes = await readWhole(this.#handle, from, to)
    if (!areWhole(bytes, firstBlock, checksums)) throw new BrokenFile('a checksum is another one than was written')
    return start === from && end >= to ? bytes : bytes.subarray(start - from, Math.min(end, bodyBytes) - from)
  }

  /** False when it was closed before. */
  async close(): Promise<boolean> {
    if (this.#isClosed) return false
    this.#isClosed = true
    await this.#handle.close()
    return true
  }
}

export async function readWhole(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, to - from))
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, from + at)
    if (bytesRead === 0) throw new BrokenFile(`it ends after ${from + at} bytes`)
    at += bytesRead
  }
  return bytes
}
