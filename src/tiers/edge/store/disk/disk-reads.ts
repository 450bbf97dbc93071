// Bodies that are read back: whole ones shared by all who ask at the same time, large ones piece by piece.

import { open } from 'node:fs/promises'
import { TenfoldError } from '../../../../base/errors.ts'
import { Semaphore } from '../../../../base/limits.ts'
import type { KeptReader } from '../contract.ts'
import type { Entry } from '../entry.ts'
import { FileReader } from './file-reader.ts'
import type { Folder } from './folder.ts'
import type { StoredFile } from './stored-file.ts'

/** Of libuv's four threads; a file of another one's page cache is back at once, and few wait for the disk. */
const readsAtOnceMax = 4
const readsWaitingMax = 1024
/** Large bodies that are being read; each is an open file. */
const readersMax = 1024

export class DiskReads {
  readonly #folder: Folder
  readonly #onUnreadable: (entry: Entry, file: StoredFile, error: unknown) => void
  readonly #turns = new Semaphore(readsAtOnceMax, readsWaitingMax)
  readonly #reading = new Map<Entry, Promise<Buffer>>()
  #readers = 0

  /** `onUnreadable`: the file is gone or not whole. */
  constructor(folder: Folder, onUnreadable: (entry: Entry, file: StoredFile, error: unknown) => void) {
    this.#folder = folder
    this.#onUnreadable = onUnreadable
  }

  read(entry: Entry): Promise<Buffer> {
    const under = this.#reading.get(entry)
    if (under) return under
    const reading = this.#turns.run(() => this.#readWhole(entry)).finally(() => this.#reading.delete(entry))
    this.#reading.set(entry, reading)
    return reading
  }

  async open(entry: Entry): Promise<KeptReader> {
    const { file } = entry
    if (!file) throw goneError(entry)
    if (this.#readers >= readersMax)
      throw new TenfoldError('overloaded', `${readersMax} large bodies are being read, which is the limit`)
    this.#readers++
    try {
      const reader = await this.#openFile(entry, file)
      return {
        read: (start, end) => reader.read(start, end).catch((error) => this.#fail(entry, file, error)),
        close: async () => {
          if (await reader.close()) this.#readers--
        },
      }
    } catch (error) {
      this.#readers--
      throw error
    }
  }

  async #readWhole(entry: Entry): Promise<Buffer> {
    const { file } = entry
    if (!file) throw goneError(entry)
    const reader = await this.#openFile(entry, file)
    try {
      return await reader.read(0, file.bodyBytes)
    } catch (error) {
      return this.#fail(entry, file, error)
    } finally {
      await reader.close()
    }
  }

  async #openFile(entry: Entry, file: StoredFile): Promise<FileReader> {
    try {
      await file.landing
      return new FileReader(await open(this.#folder.pathOf(file.serial), 'r'), file)
    } catch (error) {
      return this.#fail(entry, file, error)
    }
  }

  #fail(entry: Entry, file: StoredFile, error: unknown): never {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EMFILE' || code === 'ENFILE')
      throw new TenfoldError('overloaded', 'too many files are open to read another one', { cause: error })
    this.#onUnreadable(entry, file, error)
    throw goneError(entry, error)
  }
}

function goneError(entry: Entry, cause?: unknown): TenfoldError {
  return new TenfoldError('not-found', `the body of ${entry.head.key} is not kept any more`, { cause })
}
