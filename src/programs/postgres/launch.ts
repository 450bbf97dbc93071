// Spawns the server's process and watches its first moments. A start that fails is known at once, by the exit.

import { type ChildProcess, spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { readLockFile } from './lock-file.ts'
import { ownerOfCluster } from './owner.ts'

const pollMs = 10
/** How long a start is watched; recovery after a crash may go on for longer, and waitForServer waits for that. */
const settleMs = 3000

export async function launch(postgres: string, dataDir: string, logFd: number): Promise<ChildProcess> {
  const owner = await ownerOfCluster(dataDir)
  const server = spawn(postgres, ['-D', dataDir], {
    cwd: '/',
    detached: true,
    // A bare environment: the person's PGPORT, PGDATA and locale must not reach the server.
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    stdio: ['ignore', logFd, logFd],
    ...(owner && { uid: owner.uid, gid: owner.gid }),
  })
  await new Promise<void>((resolve, reject) => {
    server.once('spawn', resolve)
    server.once('error', (error) =>
      reject(new TenfoldError('program-failed', `cannot run ${postgres}`, { cause: error })),
    )
  })
  server.unref()
  return server
}

/** True once the server says that it serves, or still lives after settleMs; false as soon as it is gone. */
export async function survivesStart(server: ChildProcess, dataDir: string): Promise<boolean> {
  const deadline = systemClock.monotonic() + settleMs
  while (server.exitCode === null && server.signalCode === null) {
    const lock = readLockFile(dataDir)
    if (lock?.pid === server.pid && (lock?.status === 'ready' || lock?.status === 'standby')) return true
    if (systemClock.monotonic() >= deadline) return true
    await systemClock.sleep(pollMs)
  }
  return false
}

/** The log, with what is written to it from now on. */
export async function openLog(path: string) {
  const file = await open(path, 'a+', 0o640).catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOSPC' ? 'disk-full' : 'program-failed'
    throw new TenfoldError(code, `cannot write the server's log ${path}`, { cause: error })
  })
  const { size } = await file.stat()
  return {
    file,
    async readNew(): Promise<string> {
      const length = (await file.stat()).size - size
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size)
      return buffer.toString('utf8', 0, bytesRead)
    },
  }
}
