// What a process uses, as the operating system counts it: for programs that tell nothing of themselves.

import { readFile } from 'node:fs/promises'

/** CPU time of Linux is counted in ticks of 10 ms (sysconf(_SC_CLK_TCK) is 100 on every Linux that Node runs on). */
const tickMs = 10

export interface ProcessUsage {
  /** Since its start, of all its threads. */
  cpuMs: number
  memoryBytes: number
}

/** From /proc (proc(5)); undefined where there is none, and for a process that is gone. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage | undefined> {
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => '')
  const [stat, status] = await Promise.all([read('stat'), read('status')])
  if (stat === '' || status === '') return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const residentKiB = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs, memoryBytes: residentKiB * 1024 }
}
