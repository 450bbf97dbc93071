// Where HAProxy is on this machine.

import { type FoundProgram, findProgram, type SystemProgram } from '../system-program.ts'

/** Its version as `haproxy -v` says it, for example 2.6.12. */
export type HaproxyBinary = FoundProgram

const haproxy: SystemProgram = {
  ...{ name: 'HAProxy', file: 'haproxy', versionArgument: '-v', version: /version (\d+\.\d+[^\s-]*)/i },
  // `balance hash`, `http-error` with formats, dynamic servers with checks.
  oldest: [2, 6],
  // Debian keeps it in a directory that people do not have in PATH, Homebrew in two.
  furtherDirs: ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin', '/opt/homebrew/sbin'],
  howToGet: 'apt install haproxy, or brew install haproxy',
}

/** @throws program-missing when there is none, it does not run, or it is too old. May be called any number of times. */
export function findHaproxy(searched?: readonly string[]): Promise<HaproxyBinary> {
  return findProgram(haproxy, searched)
}
