// Starts HAProxy so that it outlives us: a master process, detached, with the listening sockets that it inherits.

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { TenfoldError } from '../../base/errors.ts'
import type { HaproxyBinary } from './binary.ts'
import type { HaproxyFiles } from './files.ts'

/** Where the first inherited socket lands: behind stdio. */
export const firstDescriptor = 3

export interface LaunchOptions {
  binary: HaproxyBinary
  files: HaproxyFiles
  /** Listening sockets of ours, in the order in which the configuration names them. */
  descriptors: readonly number[]
  /** Where lines of `log stdout` go. */
  accessLog?: string | undefined
}

/** Answers the master's pid. @throws program-failed when it cannot be run at all; whether it serves has to be asked. */
export function launch({ binary, files, descriptors, accessLog }: LaunchOptions): number {
  const log = openSync(files.log, 'a', 0o600)
  const lines = accessLog === undefined ? 'ignore' : openSync(accessLog, 'a', 0o600)
  try {
    const args = ['-W', '-f', files.configuration, '-S', `${files.masterSocket},mode,600`]
    const child = spawn(binary.path, args, {
      cwd: '/',
      detached: true,
      // A bare environment: it is no process of ours, and configurations can read variables.
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', lines, log, ...descriptors],
    })
    child.on('error', () => {}) // told by the missing pid
    child.unref()
    if (child.pid === undefined) throw new TenfoldError('program-failed', `cannot run ${binary.path}`)
    return child.pid
  } finally {
    closeSync(log)
    if (typeof lines === 'number') closeSync(lines)
  }
}
