// A process that stores what waits, into a file that says when it began and ended what: for tests that kill it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Stored {
  event: 'begin' | 'end'
  pid: number
  key: string
  value: unknown
  version: number
}

export interface Storer {
  pid: number | undefined
  /** SIGKILL; resolves when it is gone. May be called twice. */
  kill(): Promise<void>
}

/** By environment, beside that of the database: NAME, FILE for lines of JSON, STUCK_AFTER for so many stores that end. */
export function startStorer(env: Readonly<Record<string, string>>): Storer {
  const script = new URL('storer.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['-C', 'source', script], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'inherit', 'inherit'], // it ends with its stdin, should this process die first
  })
  const exited = once(child, 'exit')
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
