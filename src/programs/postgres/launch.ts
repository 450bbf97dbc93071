// Spawns the server's process and watches its first moments. A start that fails is known at once, by the exit.

import { type ChildProcess, spawn } from 'node:child_process'
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
