// Backups in a directory, of this machine or mounted into it. Each object is written beside its place, flushed and
// renamed; readable by nobody but us, since a base backup holds all data and the verifiers of all passwords.

import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { type ErrorCode, TenfoldError } from '../../../base/errors.ts'
import type { BackupStore, StoredObject } from './contract.ts'
import { checkName } from './names.ts'

const draftPattern = /\.draft-[0-9]+-[0-9]+$/
/** Counts for all instances of this process, so that no two writers share a draft. */
let drafts = 0

export class FolderStore implements BackupStore {
  readonly place: string

  constructor(dir: string) {
    this.place = resolve(dir)
  }

  async put(name: string, content: Buffer): Promise<void> {
    await this.putStream(name, [content])
  }

  async putStream(name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<number> {
    const path = this.#pathOf(name)
    const draft = `${path}.draft-${process.pid}-${++drafts}`
    try {
      await makeDir(dirname(path), this.place)
      const bytes = await writeDurably(draft, content)
      await rename(draft, path)
      await syncDir(dirname(path))
      return bytes
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {})
      throw explain(error, path)
    }
  }

  async get(name: string): Promise<Readable> {
    const path = this.#pathOf(name)
    try {
      const file = await open(path)
      return file.createReadStream()
    } catch (error) {
      throw explain(error, path)
    }
  }

  async list(prefix: string): Promise<StoredObject[]> {
    // A prefix may end in the middle of a file's name.
    const dir = join(this.place, prefix.slice(0, prefix.lastIndexOf('/') + 1))
    const found: StoredObject[] = []
    for (const path of await this.#filesBelow(dir)) {
      const name = relative(this.place, path)
      if (draftPattern.test(name) || !name.startsWith(prefix)) continue
      const file = await stat(path).catch(ignoreMissing)
      if (file) found.push({ name, sizeBytes: file.size })
    }
    return found.sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  async delete(name: string): Promise<void> {
    const path = this.#pathOf(name)
    try {
      await rm(path, { force: true })
    } catch (error) {
      throw explain(error, path)
    }
  }

  async sweep(beforeMs: number): Promise<void> {
    for (const path of (await this.#filesBelow(this.place)).filter((path) => draftPattern.test(path))) {
      const file = await stat(path).catch(ignoreMissing)
      if (file && file.mtimeMs < beforeMs) await rm(path, { force: true })
    }
  }

  async close(): Promise<void> {}

  #pathOf(name: string): string {
    return join(this.place, checkName(name))
  }

  async #filesBelow(dir: string): Promise<string[]> {
    try {
      const entries = await readdir(dir, { withFileTypes: true, recursive: true })
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw explain(error, dir)
    }
  }
}

async function writeDurably(path: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  try {
    let bytes = 0
    for await (const piece of content) {
      await file.writeFile(piece)
      bytes += piece.length
    }
    await file.sync()
    return bytes
  } finally {
    await file.close()
  }
}

/** The directories that are missing, each ours alone; one that was there stays as its owner made it. */
async function makeDir(dir: string, root: string): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode: 0o700 })
  if (made === undefined) return
  await syncDir(dirname(made))
  // The umask takes bits away, never adds them; but a mount may.
  if (made === root) await chmod(root, 0o700)
}

/** A rename is durable when its directory is. */
async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw error
}

/** What went wrong with the directory, in the words of the contract; a failure of the content's own stays what it is. */
function explain(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const make = (as: ErrorCode, message: string) => new TenfoldError(as, message, { cause: error })
  if (code === 'ENOENT') return make('not-found', `there is no ${path}`)
  if (code === 'ENOSPC' || code === 'EDQUOT') return make('disk-full', `the disk that holds ${path} is full`)
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) return make('unauthorized', `${path} may not be used`)
  if (['EIO', 'ESTALE', 'ENOTDIR', 'EISDIR', 'EBUSY', 'EMFILE', 'ENFILE', 'ETIMEDOUT'].includes(code))
    return make('unavailable', `${path} cannot be used`)
  return error
}
