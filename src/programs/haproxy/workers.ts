// The processes of one HAProxy: a master, the worker that takes connections, and those of before a reload that still have
// some (management guide, 9.4: `show proc`).

import { command } from './command.ts'

export interface Workers {
  masterPid: number
  /** Undefined between the end of one and the start of the next. */
  current: number | undefined
  old: number[]
}

/** @throws unavailable when there is no master. */
export async function workersOf(masterSocket: string): Promise<Workers> {
  return parseProcesses(await command(masterSocket, 'show proc'))
}

export function parseProcesses(text: string): Workers {
  const workers: Workers = { masterPid: 0, current: undefined, old: [] }
  let isOld = false
  for (const line of text.split('\n')) {
    if (line.startsWith('# old workers')) isOld = true
    const [, pid, type] = /^(\d+)\s+(\w+)/.exec(line) ?? []
    if (type === 'master') workers.masterPid = Number(pid)
    if (type !== 'worker') continue
    if (isOld) workers.old.push(Number(pid))
    else workers.current = Number(pid)
  }
  return workers
}
