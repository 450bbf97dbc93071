// One transaction of a migration, watched: begun with its limits, run statement by statement, looked at before COMMIT.

import { TenfoldError } from '../../../base/errors.ts'
import { sizeOf } from './check/finding.ts'
import { titleOf } from './check/schema.ts'
import type { ParsedFile, Statement } from './check/sql.ts'
import { ensureLeaves } from './leaves.ts'
import { lockTimeoutMs } from './patience.ts'
import { failed, type MigrationRun, transactionMsMax } from './run.ts'

/** PostgreSQL tells the watch, at this level of messages, what it is about to do. */
export async function beginTransaction({ owner }: MigrationRun): Promise<void> {
  await owner.query(
    `BEGIN; SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL transaction_timeout = ${transactionMsMax};
     SET LOCAL client_min_messages = debug1`,
  )
}

export async function runStatement(
  { owner, watch }: MigrationRun,
  file: ParsedFile,
  statement: Statement,
  rest: string,
): Promise<void> {
  try {
    await owner.query(statement.text)
  } catch (error) {
    throw (await watch.verdict()) ?? (isOfLock(error) ? error : failed(file, statement, error, rest))
  }
  const verdict = await watch.verdict()
  if (verdict) throw verdict
  if (!owner.isInTransaction)
    throw new TenfoldError(
      'bad-input',
      `migration ${file.file.name}, line ${statement.line} ended its transaction by itself: what it did is half recorded`,
    )
}

export async function ensureLeavesOf({ owner }: MigrationRun): Promise<void> {
  await owner.query('SET LOCAL client_min_messages = notice')
  await ensureLeaves(owner)
}

/** @throws bad-input when a table that is not small was rewritten after all. */
export async function commit({ owner, watch }: MigrationRun, name: string): Promise<void> {
  const table = await watch.findRewritten(owner)
  if (table)
    throw new TenfoldError(
      'bad-input',
      `migration ${name} rewrote ${titleOf(table)} (${sizeOf(table)}) and was rolled back; ` +
        `if it does no harm, say why: -- tenfold: allow rewrite of ${titleOf(table)}: REASON`,
    )
  const verdict = await watch.verdict()
  if (verdict) throw verdict
  await owner.query('COMMIT')
}

/** Whoever is patient looks at these as they are. */
function isOfLock(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === '55P03' || code === '40P01'
}
