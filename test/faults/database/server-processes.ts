// All processes of one PostgreSQL server: the postmaster, whose pid the status shows, and its children.
// Linux only, as are the faults that need it.

import { readdirSync, readFileSync } from 'node:fs'

/** The postmaster first, so that a stopped one makes no child that is missed. */
export function signalServer(postmaster: number, signal: NodeJS.Signals, who: 'postmaster' | 'all'): number[] {
  const hit = send(postmaster, signal) ? [postmaster] : []
  if (who === 'postmaster') return hit
  return [...hit, ...childrenOf(postmaster).filter((pid) => send(pid, signal))]
}

/** To those of `pids` that are still there. */
export function signalEach(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) send(pid, signal)
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number)
}

/** The fourth field, after the command in parentheses (proc(5)). */
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

/** False when there is no such process any more. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
