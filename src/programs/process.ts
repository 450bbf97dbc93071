// Whether a process of the operating system is there, ours or not, and its end.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'

/** Among the fields from the state on. */
const threadsField = 17

/**
 * False for a zombie too: where nobody reaps orphans, a dead process keeps its pid. One that has more threads is not dead yet:
 * its sockets are open until the last of them has ended.
 */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  if (process.platform !== 'linux') return true
  const fields = statFieldsOf(pid)
  return fields !== undefined && (fields[0] !== 'Z' || Number(fields[threadsField]) > 1)
}

/** The letter that the operating system gives (proc(5), ps(1)): R, S, D, T stopped, Z zombie. Empty when it is gone. */
export function stateOfProcess(pid: number): string {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
    return statFieldsOf(pid)?.[0] ?? ''
  } catch {
    return ''
  }
}

/** The fields of proc(5) from the third on, the state; undefined when the process is gone. Linux only. */
export function statFieldsOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // They follow the command's closing parenthesis; the command may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** Sends the signal and waits; true when the process is gone in time. May be called for one that is gone. */
export async function endsBy(
  pid: number,
  signal: NodeJS.Signals,
  { withinMs, pollMs }: { withinMs: number; pollMs: number },
): Promise<boolean> {
  const deadline = systemClock.monotonic() + withinMs
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
  while (isProcessAlive(pid)) {
    if (systemClock.monotonic() >= deadline) return false
    await systemClock.sleep(pollMs)
  }
  return true
}
