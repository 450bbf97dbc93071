// One migration file: in one transaction together with the leaves it calls for and the record that it was applied.
//
// DDL waits for the locks of running transactions, and whoever comes after waits behind it. So it waits only briefly,
// lets everybody pass, and tries again.

import { backoffMs } from '../../../base/backoff.ts'
import { systemClock } from '../../../base/clock.ts'
import { TenfoldError } from '../../../base/errors.ts'
import { systemRandom } from '../../../base/random.ts'
import type { MigrationFile } from './files.ts'
import { ensureLeaves } from './leaves.ts'
import type { OwnerConnection } from './owner-connection.ts'
import { lineOfPosition } from './sql-lines.ts'

const lockTimeoutMs = 1_000
const attemptsMax = 30
const backoff = { baseMs: 50, capMs: 1_000 }
/** lock_not_available, deadlock_detected */
const lockCodes = new Set(['55P03', '40P01'])

export async function applyFile(owner: OwnerConnection, file: MigrationFile): Promise<void> {
  refuseTransactionControl(file)
  for (let attempt = 1; ; attempt++) {
    try {
      return await applyOnce(owner, file)
    } catch (error) {
      await owner.query('ROLLBACK').catch(() => {})
      const isLocked = lockCodes.has((error as { code?: string }).code ?? '')
      if (!isLocked) throw failed(file, error as Error)
      if (attempt === attemptsMax)
        throw new TenfoldError(
          'conflict',
          `migration ${file.name} got no lock in ${attemptsMax} attempts: some transaction stays open`,
          {
            cause: error,
          },
        )
      await systemClock.sleep(backoffMs(attempt, backoff, systemRandom))
    }
  }
}

async function applyOnce(owner: OwnerConnection, file: MigrationFile): Promise<void> {
  await owner.query(`BEGIN; SET LOCAL lock_timeout = ${lockTimeoutMs}`)
  await owner.query(file.sql)
  if (!owner.isInTransaction)
    throw new TenfoldError(
      'bad-input',
      `migration ${file.name} ended its transaction by itself: what it did is half recorded`,
    )
  await ensureLeaves(owner)
  await owner.query('INSERT INTO tenfold.migrations (name, checksum) VALUES ($1, $2)', [file.name, file.checksum])
  await owner.query('COMMIT')
}

/** A file that commits by itself could leave half of its work behind. Seen at the start of a line, where people write it. */
function refuseTransactionControl({ name, sql }: MigrationFile): void {
  const found = /^\s*(begin|commit|rollback|abort|start\s+transaction|end)(\s+(work|transaction))?\s*;/im.exec(sql)
  if (!found) return
  const line = lineOfPosition(sql, found.index + found[0].search(/\S/))
  throw new TenfoldError(
    'bad-input',
    `migration ${name}, line ${line}: each file is one transaction already; leave out ${found[1]?.toUpperCase()}`,
  )
}

function failed({ name, sql, path }: MigrationFile, error: Error): TenfoldError {
  if (error instanceof TenfoldError) return error
  const { position, hint, detail, code } = error as Error & {
    position?: string
    hint?: string
    detail?: string
    code?: string
  }
  // PostgreSQL counts characters from 1; JavaScript counts the larger ones twice.
  const line =
    position === undefined ? undefined : lineOfPosition(sql, [...sql].slice(0, Number(position) - 1).join('').length)
  const place = line === undefined ? name : `${name}, line ${line}`
  const more = [detail, hint].filter(Boolean).map((text) => `; ${text}`)
  return new TenfoldError(
    'bad-input',
    `migration ${place}: ${error.message}${more.join('')}; nothing of the file was applied`,
    {
      cause: error,
      details: { file: path, line, code },
    },
  )
}
