// What every part of one run of migrations has at hand.

import { TenfoldError } from '../../../base/errors.ts'
import type { ParsedFile, Statement } from './check/sql.ts'
import type { OwnerConnection } from './owner-connection.ts'
import { lineOfPosition } from './sql-lines.ts'
import type { Watch } from './watch.ts'

export interface MigrationRun {
  owner: OwnerConnection
  watch: Watch
  /** Hears of what takes long. */
  report: (message: string) => void
  /** How long each transaction asks for its locks in all. */
  patienceMs?: number
}

/** Files longer than this in one transaction keep VACUUM from its work everywhere. */
export const transactionMsMax = 1_800_000

/** A concurrent build, or a validation, of one table. */
export const buildMsMax = 6 * 3_600_000

interface SqlError extends Error {
  position?: string
  hint?: string
  detail?: string
  code?: string
}

/** PostgreSQL's error with file and line, and what became of the rest. */
export function failed({ file }: ParsedFile, statement: Statement | undefined, error: unknown, rest: string): unknown {
  if (!(error instanceof Error)) return error
  if (error instanceof TenfoldError) {
    if (error.code === 'unavailable' || error.message.startsWith('migration ')) return error
    const { code, message, cause, details } = error
    return new TenfoldError(code, `migration ${file.name}, line ${statement?.line}: ${message}`, { cause, details })
  }
  const { position, hint, detail, code } = error as SqlError
  // PostgreSQL counts characters from 1; JavaScript counts the larger ones twice.
  const at = position && statement && [...statement.text].slice(0, Number(position) - 1).join('').length
  const line = statement && statement.line + (at ? lineOfPosition(statement.text, at) - 1 : 0)
  const place = line === undefined ? file.name : `${file.name}, line ${line}`
  const more = [detail, hint].filter(Boolean).map((text) => `; ${text}`)
  return new TenfoldError('bad-input', `migration ${place}: ${error.message}${more.join('')}; ${rest}`, {
    cause: error,
    details: { file: file.path, line, code },
  })
}
