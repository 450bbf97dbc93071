// Is a process there? Also for one that is not our child, since a supervisor adopts what an earlier one started.

import { readdirSync, readFileSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import type { Home } from '../map/home.ts'
import { isProcessAlive, statFieldsOf } from '../programs/process.ts'

const pollIntervalMs = 20

/** True when the process was started by us as this node; guards against a pid that now belongs to another program. */
export function runsNode(pid: number, home: Home, nodeId: string): boolean {
  return isProcessAlive(pid) && (process.platform !== 'linux' || isOfNode(pid, home, nodeId))
}

/**
 * Processes of a node, whoever started them: that of a supervisor which died before it could write the pid down, and the
 * children of a user's program. Only Linux tells; elsewhere such a process is found by the port that it keeps.
 */
export function processesOf(home: Home, nodeId: string): Array<{ pid: number; isLeader: boolean }> {
  if (process.platform !== 'linux') return []
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids
    .filter((pid) => isOfNode(pid, home, nodeId) && isProcessAlive(pid))
    .map((pid) => ({ pid, isLeader: sessionOf(pid) === pid }))
}

function isOfNode(pid: number, home: Home, nodeId: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return environment.includes(`TENFOLD_NODE=${nodeId}`) && environment.includes(`TENFOLD_HOME=${home.dir}`)
  } catch {
    return false // gone, or another user's
  }
}

/** Every process of ours is started as the leader of a session of its own; its children are in it. */
function sessionOf(pid: number): number | undefined {
  const fields = statFieldsOf(pid) // state, parent, group, session
  return fields && Number(fields[3])
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
