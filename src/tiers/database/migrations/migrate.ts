// Brings a database to the app's schema: plain SQL files in the order of their names, each once, each whole or not at all.
//
// Several processes may start at once: one of them holds the lock and works, the others then find nothing to do. After
// each file every sharded table has its leaves (leaves.ts).

import { TenfoldError } from '../../../base/errors.ts'
import { applyFile } from './apply-file.ts'
import { type MigrationFile, type MigrationSource, readSources } from './files.ts'
import { type OwnerAddress, OwnerConnection } from './owner-connection.ts'

export interface MigrateOptions {
  /** The primary, as its role `owner`. */
  connection: OwnerAddress
  /** Applied in this order: the tiers' own first, then the app's. */
  sources: readonly MigrationSource[]
  /** Hears of each file before it is applied. */
  onProgress?: (message: string) => void
}

/** Any two processes that migrate one database must use the same number. */
const advisoryLock = 0x7e4f01d

/**
 * Applies what is pending; answers the names of what it applied, as `source/file`. May be called at once by many.
 * @throws conflict when an applied file was changed since; bad-input when a file's SQL fails, with file and line.
 */
export async function migrate({ connection, sources, onProgress }: MigrateOptions): Promise<{ applied: string[] }> {
  const files = await readSources(sources)
  const owner = await OwnerConnection.open(connection)
  try {
    if (pendingOf(files, await recorded(owner)).length === 0) return { applied: [] }
    await owner.lock(advisoryLock)
    await owner.query(bookkeeping)
    const pending = pendingOf(files, await recorded(owner))
    for (const file of pending) {
      onProgress?.(`migration ${file.name}`)
      await applyFile(owner, file)
    }
    return { applied: pending.map(({ name }) => name) }
  } finally {
    await owner.close()
  }
}

const bookkeeping = `
  CREATE SCHEMA IF NOT EXISTS tenfold;
  CREATE TABLE IF NOT EXISTS tenfold.migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`

/** Checksums by name. One query, since most starts end here. */
async function recorded(owner: OwnerConnection): Promise<Map<string, string>> {
  try {
    const rows = await owner.query<{ name: string; checksum: string }>('SELECT name, checksum FROM tenfold.migrations')
    return new Map(rows.map(({ name, checksum }) => [name, checksum]))
  } catch (error) {
    const isMissing = (error as { code?: string }).code === '42P01'
    if (isMissing) return new Map()
    throw error
  }
}

function pendingOf(files: readonly MigrationFile[], done: ReadonlyMap<string, string>): MigrationFile[] {
  return files.filter(({ name, path, checksum }) => {
    const known = done.get(name)
    if (known !== undefined && known !== checksum)
      throw new TenfoldError(
        'conflict',
        `migration ${name} was changed after it was applied (${path}): restore it, and put the change into a new file`,
      )
    return known === undefined
  })
}
