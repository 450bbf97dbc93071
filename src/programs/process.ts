// Whether a process of the operating system is there, ours or not.

import { readFileSync } from 'node:fs'

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
