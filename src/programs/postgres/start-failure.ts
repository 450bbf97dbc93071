// Why a server did not start, from what it wrote to its log: the error that a person can act on.

import { statfs } from 'node:fs/promises'
import { type ErrorCode, TenfoldError } from '../../base/errors.ts'

const linesShown = 8
/** A server that cannot add one segment to its write-ahead log cannot start. */
const segmentBytes = 16 * 1024 * 1024

export function isLeftoverMemory(output: string): boolean {
  return /pre-existing shared memory block/.test(output)
}

/** A write that got no room at all names the error; one that got some of it only hints at it. */
export function saysDiskFull(output: string): boolean {
  return /No space left on device|Disk quota exceeded|Check free disk space/.test(output)
}

export async function explainExit({
  dataDir,
  logFile,
  output,
  exitCode,
}: {
  dataDir: string
  logFile: string
  output: string
  exitCode: number | null
}): Promise<TenfoldError> {
  const lines = output.trim().split('\n').slice(-linesShown).join('\n')
  const details = { dataDir, logFile, exitCode }
  const make = (code: ErrorCode, message: string) =>
    new TenfoldError(code, `${message}. Its log (${logFile}) ends with:\n${lines}`, { details })
  const taken = /could not bind \S+ address "([^"]+)": Address already in use/.exec(output)
  if (taken) {
    const port = /another postmaster already running on port (\d+)/.exec(output)?.[1] ?? '?'
    const error = make('port-taken', `another program listens on ${taken[1]}:${port}, PostgreSQL cannot`)
    return new TenfoldError('port-taken', error.message, {
      details: { ...details, address: taken[1], port: Number(port) },
    })
  }
  if (saysDiskFull(output) || (await hasNoRoom(dataDir, output)))
    return make('disk-full', `the disk that holds ${dataDir} is full; free some space and start again`)
  return make('program-failed', `PostgreSQL on ${dataDir} did not start (exit code ${exitCode})`)
}

/** On a full disk the log, too, may have stayed empty. */
async function hasNoRoom(dataDir: string, output: string): Promise<boolean> {
  if (output.trim() !== '') return false
  const { bavail, bsize } = await statfs(dataDir)
  return bavail * bsize < segmentBytes
}
