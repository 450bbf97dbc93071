// The queue's tables, for tests.

import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { postgresQueueMigrations } from './engine.ts'

export async function queueSql(): Promise<string> {
  const files = globSync('*.sql', { cwd: postgresQueueMigrations }).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(postgresQueueMigrations, file), 'utf8')))
  return texts.join('\n')
}
