// Where redis-server is on this machine. It is a system package; there is none of npm that carries it.

import { execFile } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { TenfoldError } from '../../base/errors.ts'
import { firstExecutable } from '../executable.ts'
import type { RedisBinary } from './contract.ts'

const versionTimeoutMs = 10_000
/** The oldest with all we rely on: ACL files, FAILOVER, CLUSTER ADDSLOTSRANGE, protected configuration. */
const oldest = [7, 0] as const
/** Beside PATH, where a service's environment may lack them. */
const furtherDirs = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']
const howToGet = 'apt install redis-server, or brew install redis'

/** @throws program-missing when there is none, it does not run, or it is too old. May be called any number of times. */
export async function findRedis(env: NodeJS.ProcessEnv = process.env): Promise<RedisBinary> {
  const dirs = [...(env['PATH'] ?? '').split(delimiter), ...furtherDirs].filter((dir) => dir !== '')
  const path = await firstExecutable(dirs.map((dir) => join(dir, 'redis-server')))
  if (path === undefined)
    throw new TenfoldError('program-missing', `Redis is not installed: ${howToGet}`, { details: { searched: dirs } })
  return checkRedis(path)
}

/** @throws program-missing when `path` does not run, is not Redis, or is too old. */
export async function checkRedis(path: string): Promise<RedisBinary> {
  const version = await versionOf(path)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new TenfoldError(
      'program-missing',
      `Redis at ${path} is ${version}, and ${oldest.join('.')} or newer is needed: ${howToGet}`,
      { details: { path, version } },
    )
  return { path, version }
}

async function versionOf(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: versionTimeoutMs })
    // Valkey says `Valkey server v=8.0.1 ...` under the same name, where a package links it.
    const [, version] = /server v=(\d+\.\d+[^\s]*)/.exec(stdout) ?? []
    if (version === undefined)
      throw new TenfoldError('program-failed', `it says ${JSON.stringify(stdout.slice(0, 80))}`)
    return version
  } catch (error) {
    throw new TenfoldError('program-missing', `${path} does not run, or is not Redis: ${howToGet}`, { cause: error })
  }
}
