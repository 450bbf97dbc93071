// Every process of one server. A postmaster that was killed leaves children that end only when they next look: until
// then one of them may still finish a statement, and even acknowledge it. So a fence has to end them all.

import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { waitUntil } from '../../base/limits.ts'
import { stateOfProcess } from '../process.ts'
import { processesWorkingIn } from '../working-in.ts'
import { readLockFile } from './lock-file.ts'

const killTimeoutMs = 10_000
const killPollMs = 5

/** The postmaster first, when it lives; then its children, known by the directory that they all work in. */
export function processesOfServer(dataDir: string): number[] {
  const claimed = readLockFile(dataDir)?.pid
  const own = process.platform === 'linux' ? processesWorkingIn(dataDir).filter(isServer) : titled(dataDir)
  return claimed !== undefined && own.includes(claimed) ? [claimed, ...own.filter((pid) => pid !== claimed)] : own
}

/**
 * Resolves when no process of the server is left: by SIGKILL, which a stopped one obeys too. The postmaster goes first,
 * so that it starts nothing in the place of what is killed. May be called when none is there.
 */
export async function killServer(dataDir: string): Promise<void> {
  const areGone = () => {
    const left = processesOfServer(dataDir)
    for (const pid of left) send(pid, 'SIGKILL')
    return left.length === 0
  }
  await waitUntil(areGone, {
    what: `the end of every process on ${dataDir}`,
    timeoutMs: killTimeoutMs,
    intervalMs: killPollMs,
  })
}

/** Stops or continues the whole server, as a machine that freezes would. */
export function signalServer(dataDir: string, name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of processesOfServer(dataDir)) send(pid, name)
}

/**
 * Undefined unless the process was stopped by a signal: it is there, and answers nobody until somebody continues it. A
 * mark that stays the same says that it has not run since.
 */
export function stopMarkOf(pid: number): string | undefined {
  if (!/^[Tt]/.test(stateOfProcess(pid))) return undefined
  if (process.platform !== 'linux') return 'stopped'
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1')
      .match(/ctxt_switches:\t\d+/g)
      ?.join()
  } catch {
    return undefined
  }
}

function isServer(pid: number): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)) === 'postgres'
  } catch {
    return false // gone, or another user's
  }
}

/** Elsewhere by their titles: the postmaster's has its directory, its children's the cluster_name, which is the node's. */
function titled(dataDir: string): number[] {
  const lines = execFileSync('ps', ['-axo', 'pid=,command='], { encoding: 'utf8' }).split('\n')
  const name = basename(dataDir)
  const isOwn = (line: string) => `${line} `.includes(`-D ${dataDir} `) || line.includes(`postgres: ${name}: `)
  return lines.filter(isOwn).map((line) => Number.parseInt(line, 10))
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
