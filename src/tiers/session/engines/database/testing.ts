// The tables of sessions, for tests that start a database of their own.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { databaseSessionMigrations } from './engine.ts'

/** All migrations as one file. */
export async function sessionTablesSql(): Promise<string> {
  const names = (await readdir(databaseSessionMigrations)).sort()
  const files = await Promise.all(names.map((name) => readFile(join(databaseSessionMigrations, name), 'utf8')))
  return files.join('\n')
}
