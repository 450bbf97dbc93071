// Starts a supervisor that outlives us and inherits the public socket, which it cannot have from anywhere else.

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { TenfoldError } from '../base/errors.ts'
import { type Home, logFileOf } from '../map/home.ts'
import { entryFd, tlsEntryFd } from './context.ts'

/** Runs Node with `args`. @throws program-failed */
export function startSupervisor(home: Home, args: readonly string[], { hasTls = false } = {}): { pid: number } {
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string'))
    throw new TenfoldError('bad-input', 'args must be a list of strings')
  const sockets = hasTls ? [entryFd, tlsEntryFd] : [entryFd]
  const env: NodeJS.ProcessEnv = { ...process.env, TENFOLD_HOME: home.dir, LISTEN_FDS: String(sockets.length) }
  delete env['TENFOLD_NODE']
  const log = openSync(logFileOf(home, 'supervisor'), 'a', 0o600)
  try {
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log, ...sockets], env })
    child.on('error', () => {}) // told by the missing pid
    child.unref()
    if (child.pid === undefined) throw new TenfoldError('program-failed', `${process.execPath} could not be started`)
    return { pid: child.pid }
  } finally {
    closeSync(log)
  }
}
