// The tables of the queue for tests of the ledger alone.

import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { postgresQueueMigrations } from '../engine.ts'

/** Every file up to the ledger's. */
export async function ledgerSql(): Promise<string> {
  const files = globSync('*.sql', { cwd: postgresQueueMigrations }).sort()
  const texts = files
    .filter((name) => name <= '0003-ledger.sql')
    .map((name) => readFile(join(postgresQueueMigrations, name), 'utf8'))
  return (await Promise.all(texts)).join('\n')
}
