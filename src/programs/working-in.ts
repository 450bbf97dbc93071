// Processes known by the directory that they work in, whoever started them. Linux only: other systems do not tell it by a file.

import { readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { isProcessAlive } from './process.ts'

export function processesWorkingIn(dir: string): number[] {
  const real = realpathOf(dir)
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && placeOf(pid) === real && isProcessAlive(pid))
}

export function worksIn(pid: number, dir: string): boolean {
  return placeOf(pid) === realpathOf(dir)
}

/** Undefined for one that is gone, or another user's. */
function placeOf(pid: number): string | undefined {
  try {
    // A directory that was removed under its process is still told, with a note behind it.
    return readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '')
  } catch {
    return undefined
  }
}

function realpathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
