// The files of migrations: found, read, and named the same on every machine.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TenfoldError } from '../../../base/errors.ts'

/** A directory of SQL files, applied in the order of their names. `name` sets apart files of the same name. */
export interface MigrationSource {
  name: string
  dir: string
}

export interface MigrationFile {
  /** `app/0001_start.sql` */
  name: string
  path: string
  sql: string
  checksum: string
}

/** @throws not-found when a directory is missing; bad-input when a file ends its own transaction. */
export async function readSources(sources: readonly MigrationSource[]): Promise<MigrationFile[]> {
  const files = await Promise.all(sources.map(readSource))
  return files.flat()
}

async function readSource({ name, dir }: MigrationSource): Promise<MigrationFile[]> {
  let entries: string[]
  try {
    entries = await readdir(dir)
  } catch (cause) {
    throw new TenfoldError('not-found', `the directory of migrations ${dir} cannot be read`, { cause })
  }
  const names = entries.filter((entry) => entry.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (entry) => {
      const path = join(dir, entry)
      // A checkout on Windows may change the line ends; that is not a change of the migration.
      const sql = (await readFile(path, 'utf8')).replaceAll('\r\n', '\n')
      return { name: `${name}/${entry}`, path, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}
