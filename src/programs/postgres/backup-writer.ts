// Writes the entries of a base backup below a directory, and keeps size and checksum of each for the manifest.

import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { TenfoldError } from '../../base/errors.ts'
import { fenceFileName, passFileName } from './access.ts'
import type { ServerOwner } from './contract.ts'
import { giveTo } from './owner.ts'
import type { TarEntry, TarSink } from './tar-reader.ts'

export interface WrittenFile {
  sizeBytes: number
  sha256: string
}

/** Files of the source that say something about the source only; they count for the manifest and are not written. */
const leftOut: ReadonlySet<string> = new Set([fenceFileName, passFileName].flatMap((name) => [name, `${name}.new`]))

export class BackupWriter implements TarSink {
  readonly #dir: string
  readonly #owner: ServerOwner | undefined
  readonly written = new Map<string, WrittenFile>()
  #current: { entry: TarEntry; file: FileHandle | undefined; hash: Hash } | undefined

  constructor(dir: string, owner: ServerOwner | undefined) {
    this.#dir = dir
    this.#owner = owner
  }

  async begin(entry: TarEntry): Promise<void> {
    if (entry.type === 'link')
      throw new TenfoldError('bad-input', `${entry.name} is a link (a tablespace?); Tenfold cannot clone those`)
    const path = join(this.#dir, checkedName(entry.name))
    if (entry.type === 'directory') {
      await mkdir(path, { recursive: true, mode: 0o700 })
      await giveTo(this.#owner, path)
      return
    }
    const file = leftOut.has(entry.name) ? undefined : await open(path, 'wx', 0o600)
    this.#current = { entry, file, hash: createHash('sha256') }
    if (this.#owner) await file?.chown(this.#owner.uid, this.#owner.gid)
  }

  async data(chunk: Buffer): Promise<void> {
    this.#current?.hash.update(chunk)
    await this.#current?.file?.writeFile(chunk)
  }

  async finish(): Promise<void> {
    if (!this.#current) return
    const { entry, file, hash } = this.#current
    this.#current = undefined
    await file?.close()
    this.written.set(entry.name, { sizeBytes: entry.sizeBytes, sha256: hash.digest('hex') })
  }

  /** Closes what an interrupted backup left open. */
  async abandon(): Promise<void> {
    await this.#current?.file?.close().catch(() => {})
    this.#current = undefined
  }
}

/** The names come over the network: none may lead out of the directory. */
function checkedName(name: string): string {
  if (name.startsWith('/') || name.split('/').includes('..') || name.includes('\0'))
    throw new TenfoldError('bad-input', `a base backup with the file name "${name}" is not taken`)
  return name
}
