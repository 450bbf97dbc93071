// Processor time of processes, from Linux's /proc (proc_pid_stat(5)): fields 14 and 15, in ticks of 10 ms.

import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100

/** Processor time that a process has used so far. 0 for one that is gone. */
export function cpuMsOf(pid: number): number {
  const fields = fieldsOf(pid)
  return ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1000) / ticksPerSecond
}

/** Of all children of a process: the backends of a PostgreSQL server. */
export function cpuMsOfChildren(parent: number): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const children = pids.map(Number).filter((pid) => Number(fieldsOf(pid)[1]) === parent)
  return children.reduce((sum, pid) => sum + cpuMsOf(pid), 0)
}

/** The fields after the name, which may hold spaces: the state is the first. */
function fieldsOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
