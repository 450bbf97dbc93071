// Where HAProxy is on this machine. It is a system package; there is none of npm that carries it.

import { execFile } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { TenfoldError } from '../../base/errors.ts'
import { firstExecutable } from '../executable.ts'

export interface HaproxyBinary {
  path: string
  /** As `haproxy -v` says it, for example 2.6.12. */
  version: string
}

const versionTimeoutMs = 10_000
/** The oldest that has all we ask of it: `balance hash`, `http-error` with formats, dynamic servers with checks. */
const oldest = [2, 6] as const
/** Beside PATH: Debian keeps it in a directory that people do not have there, Homebrew in two. */
const furtherDirs = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin', '/opt/homebrew/sbin']
const howToGet = 'apt install haproxy, or brew install haproxy'

/** @throws program-missing when there is none, it does not run, or it is too old. May be called any number of times. */
export async function findHaproxy(searched: readonly string[] = usualDirs()): Promise<HaproxyBinary> {
  const dirs = searched.filter((dir) => dir !== '')
  const path = await firstExecutable(dirs.map((dir) => join(dir, 'haproxy')))
  if (path === undefined)
    throw new TenfoldError('program-missing', `HAProxy is not installed: ${howToGet}`, { details: { searched: dirs } })
  const version = await versionOf(path)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new TenfoldError(
      'program-missing',
      `HAProxy at ${path} is ${version}, and ${oldest.join('.')} or newer is needed: ${howToGet}`,
      { details: { path, version } },
    )
  return { path, version }
}

function usualDirs(): string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...furtherDirs]
}

async function versionOf(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['-v'], { timeout: versionTimeoutMs })
    const [, version] = /version (\d+\.\d+[^\s-]*)/i.exec(stdout) ?? []
    if (version === undefined)
      throw new TenfoldError('program-failed', `it says ${JSON.stringify(stdout.slice(0, 80))}`)
    return version
  } catch (error) {
    throw new TenfoldError('program-missing', `${path} does not run, or is not HAProxy: ${howToGet}`, { cause: error })
  }
}
