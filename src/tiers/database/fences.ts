// What an error says about the statement that met it: certainly not run, perhaps run, or the app's own.
//
// Source for each rule: PostgreSQL 18, appendix "Error Codes"; src/backend/tcop/postgres.c (ProcessInterrupts,
// quickdie); src/backend/replication/syncrep.c. An ERROR or FATAL that arrives as the answer to a statement means that
// its transaction was rolled back; a connection that just ends says nothing.

import { type ErrorCode, isTenfoldError, TenfoldError } from '../../base/errors.ts'

/**
 * again: it certainly did not run, or running it twice changes nothing; repeat it where the map then points.
 * unknown: it may have committed; never repeat it, never call it done.
 * final: the app's own error, or one that repeating cannot mend.
 */
export type Verdict = 'again' | 'unknown' | 'final'

export interface Attempt {
  /** Its bytes were given to the socket. */
  isSent: boolean
  text: string
  /** True for a sharded table whose leaf may have moved away. */
  isSharded(table: string): boolean
}

/** The server refused before or instead of running anything. */
const fenceCodes = new Set([
  '25006', // read-only: a replica, or a primary that was fenced
  '57P01', // the connection was terminated, the server shuts down
  '57P02', // another backend crashed
  '57P03', // it starts up or shuts down
  '26000', // the prepared statement is gone (DISCARD ALL)
])

/** Besides those, when no connection could be had. */
const connectCodes = new Set([
  '28000', // pg_hba.conf rejects the role: the primary is fenced
  '53300', // too many connections
])

export function verdictOf(error: Error, attempt: Attempt): Verdict {
  if (isTenfoldError(error) && error.code !== 'timeout') return 'final'
  const code = sqlStateOf(error)
  if (!attempt.isSent) return code === undefined || isFence(code) || connectCodes.has(code) ? 'again' : 'final'
  if (code === undefined) return isRead(attempt.text) ? 'again' : 'unknown'
  if (isFence(code)) return commitsByItself(attempt.text) ? 'unknown' : 'again'
  if (code === '0A000') return /cached plan/.test(error.message) ? 'again' : 'final'
  if (code === '42P01' || code === '3F000') {
    const table = /"slot_\d{3}\w*\.([^"]+)"/.exec(error.message)?.[1]
    return table !== undefined && attempt.isSharded(table) ? 'again' : 'final'
  }
  return 'final'
}

/** Whoever met one of these looks for the primary anew, by a new connection. */
export function isFence(code: string): boolean {
  return fenceCodes.has(code) || code.startsWith('08')
}

/** The five characters of a server's error; undefined for an error of the connection itself. */
export function sqlStateOf(error: Error): string | undefined {
  const { code, severity } = error as Error & { code?: unknown; severity?: unknown }
  return typeof code === 'string' && severity !== undefined ? code : undefined
}

const writes =
  /\b(insert|update|delete|merge|into|share|nextval|setval|lock|call|do|truncate|copy|pg_\w*advisory\w*|notify)\b/i

/**
 * A statement that changes nothing, as far as its text tells. Doubt means no: a column called "update" makes it a
 * write. A SELECT of a function that writes cannot be seen from here (docs/tiers/database.md says so).
 */
export function isRead(text: string): boolean {
  return /^\s*(select|with|values|table|show)\b/i.test(text) && !writes.test(text)
}

/** Procedures may commit on their way. */
function commitsByItself(text: string): boolean {
  return /^\s*(call|do|vacuum|reindex|create\s+index\s+concurrently)\b/i.test(text)
}

const tenfoldCodes: Readonly<Record<string, ErrorCode>> = {
  '57014': 'timeout', // statement_timeout
  '25P03': 'timeout', // idle_in_transaction_session_timeout
  '53100': 'disk-full',
  '28P01': 'unauthorized',
}

/** An app's own errors stay node-postgres's (a unique violation is `code` 23505); those of the system get our codes. */
export function reported(error: Error): Error {
  const code = sqlStateOf(error)
  if (code === undefined) return error
  if (code === '23514') return misroutedRow(error) ?? error
  const own = tenfoldCodes[code]
  return own ? new TenfoldError(own, `the database says: ${error.message}`, { cause: error }) : error
}

/** A row written to a leaf that its key does not belong to: db.of was given another key than the row has. */
function misroutedRow(error: Error): Error | undefined {
  const { schema = '', table, constraint } = error as Error & { schema?: string; table?: string; constraint?: string }
  if (constraint !== undefined || !schema.startsWith('slot_')) return undefined
  const message = `a row of ${table} was written to ${schema}, where its key does not belong: give db.of(key) the key that the row has`
  return new TenfoldError('bad-input', message, { cause: error })
}

export function outcomeUnknown(what: string, cause?: Error): TenfoldError {
  return new TenfoldError(
    'outcome-unknown',
    `${what}; it may or may not have been committed: read before repeating it`,
    {
      cause,
    },
  )
}
