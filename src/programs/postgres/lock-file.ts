// postmaster.pid: how a data directory says which process serves it, and how we tell a live server from a stale claim.

import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isProcessAlive } from '../process.ts'

/** Lines of the file, from PostgreSQL's src/include/utils/pidfile.h. */
interface LockFile {
  pid: number
  status: string
}

/** Undefined when no server claims the directory. */
export function readLockFile(dataDir: string): LockFile | undefined {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'latin1').split('\n')
    const pid = Number.parseInt(lines[0] ?? '', 10)
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, status: (lines[7] ?? '').trim() } : undefined
  } catch {
    return undefined
  }
}

/** Whether `pid` is the server of `dataDir`: the directory says so, and the process is that program, not a later one. */
export function isServerAlive(pid: number, dataDir: string): boolean {
  return readLockFile(dataDir)?.pid === pid && isProcessAlive(pid) && isServerOf(pid, dataDir)
}

/**
 * Turns the claim of a dead server whose pid now belongs to another program into one that PostgreSQL takes for stale.
 * PostgreSQL ignores a lock file that names its own parent, and that is us. Deleting the file would also end its check
 * for children of the dead server that still use its shared memory.
 */
export function disownLockFile(dataDir: string): void {
  const path = join(dataDir, 'postmaster.pid')
  const [, ...rest] = readFileSync(path, 'latin1').split('\n')
  writeFileSync(path, [process.pid, ...rest].join('\n'), 'latin1')
}

/**
 * A postmaster keeps its arguments as its title, while its children replace theirs, and it works in its directory. Either
 * is enough, since whoever started it may have written the path in another way.
 */
function isServerOf(pid: number, dataDir: string): boolean {
  try {
    if (process.platform === 'linux')
      return hasTitle(pid, dataDir) || readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir)
    if (process.platform === 'win32') return true
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(`-D ${dataDir}`)
  } catch {
    return false
  }
}

function hasTitle(pid: number, dataDir: string): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(1, 3).join('\0') === `-D\0${dataDir}`
}
