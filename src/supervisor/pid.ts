// Is a process there? Also for one that is not our child, since a supervisor adopts what an earlier one started.

import { readFileSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'

const pollIntervalMs = 20

/** False for a zombie too: where nobody reaps orphans, a dead process keeps its pid. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  if (process.platform !== 'linux') return true
  try {
    // The state follows the command's closing parenthesis (proc(5)); the command may hold spaces itself.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch {
    return false
  }
}

/** True when the process was started by us as this node; guards against a pid that now belongs to another program. */
export function runsNode(pid: number, nodeId: string): boolean {
  if (!isProcessAlive(pid)) return false
  if (process.platform !== 'linux') return true
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TENFOLD_NODE=${nodeId}\0`)
  } catch {
    return false
  }
}

export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = systemClock.monotonic() + timeoutMs
  while (isProcessAlive(pid)) {
    if (systemClock.monotonic() >= deadline) return false
    await systemClock.sleep(pollIntervalMs)
  }
  return true
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
