// Is a process there? Also for one that is not our child, since a supervisor adopts what an earlier one started.

import { readFileSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import { isProcessAlive } from '../programs/process.ts'

const pollIntervalMs = 20

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
