// Starts, awaits and stops a server. It is a process of its own: it outlives whoever started it, and whoever comes later
// can wait for it and stop it by its pid alone.

import { systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { endsBy, isProcessAlive } from '../process.ts'
import { openServerLog } from '../server-log.ts'
import { PostgresAdmin } from './admin.ts'
import { findPostgres } from './binaries.ts'
import { hasCluster } from './cluster.ts'
import type { PostgresAddress, PostgresBinaries, PostgresSecrets, PostgresState } from './contract.ts'
import { launch, survivesStart } from './launch.ts'
import { disownLockFile, isServerAlive, readLockFile } from './lock-file.ts'
import { explainExit, isLeftoverMemory } from './start-failure.ts'

export { isServerAlive } from './lock-file.ts'

const pollMs = 10
/** Writers may be held back until it is gone. */
const exitPollMs = 3
/** A server that is stopping, and the children of a killed one that still hold its shared memory, get this long. */
const leftoverWaitMs = 10_000
const killWaitMs = 5000

export interface RunningServer {
  pid: number
}

/**
 * Resolves when the server runs: most often it serves already, while after a crash it may still recover.
 * On a directory that is served already it answers that server's pid, after waiting for one that is stopping.
 * @throws port-taken, disk-full, program-failed with the last lines of the server's log, not-found without a cluster.
 */
export async function startServer({
  binaries,
  dataDir,
  logFile,
}: {
  binaries?: PostgresBinaries
  dataDir: string
  logFile: string
}): Promise<RunningServer> {
  if (!(await hasCluster(dataDir)))
    throw new TenfoldError('not-found', `${dataDir} holds no PostgreSQL cluster; create or clone one first`)
  const { postgres } = binaries ?? (await findPostgres())
  const deadline = systemClock.monotonic() + leftoverWaitMs
  for (;;) {
    const lock = readLockFile(dataDir)
    if (lock && isServerAlive(lock.pid, dataDir)) {
      if (lock.status !== 'stopping' || systemClock.monotonic() >= deadline) return { pid: lock.pid }
      await systemClock.sleep(pollMs)
      continue
    }
    if (lock && isProcessAlive(lock.pid)) disownLockFile(dataDir)
    const log = await openServerLog(logFile, 0o640)
    try {
      const server = await launch(postgres, dataDir, log.file.fd)
      if (await survivesStart(server, dataDir)) return { pid: server.pid as number }
      const output = await log.readNew()
      if (isLeftoverMemory(output) && systemClock.monotonic() < deadline) {
        await systemClock.sleep(pollMs * 10)
        continue
      }
      throw await explainExit({ dataDir, logFile, output, exitCode: server.exitCode })
    } finally {
      await log.file.close()
    }
  }
}

/**
 * Resolves with the server's state when it takes queries.
 * @throws program-failed as soon as the process is gone, conflict when another server has the address, unauthorized on a
 * wrong password, timeout.
 */
export async function waitForServer({
  address,
  port,
  secrets,
  pid,
  timeoutMs,
}: PostgresAddress & { secrets: PostgresSecrets; pid: number; timeoutMs: number }): Promise<PostgresState> {
  const deadline = systemClock.monotonic() + timeoutMs
  for (;;) {
    if (!isProcessAlive(pid))
      throw new TenfoldError('program-failed', `PostgreSQL at ${address}:${port} (process ${pid}) died; see its log`)
    try {
      await using admin = await PostgresAdmin.connect({ address, port, secrets })
      const servedBy = await admin.serverPid()
      if (servedBy !== pid)
        throw new TenfoldError('conflict', `${address}:${port} is served by process ${servedBy}, not by ${pid}`)
      return await admin.state()
    } catch (error) {
      if (isTenfoldError(error, 'conflict')) throw error
      if ((error as { code?: string }).code === '28P01')
        throw new TenfoldError('unauthorized', `PostgreSQL at ${address}:${port} refuses the superuser's password`, {
          cause: error,
        })
      if (systemClock.monotonic() >= deadline)
        throw new TenfoldError('timeout', `PostgreSQL at ${address}:${port} took no queries within ${timeoutMs} ms`, {
          cause: error,
        })
    }
    await systemClock.sleep(pollMs)
  }
}

/**
 * Resolves when the process is gone, and says what it took: `mode` for `timeoutMs`, then harder ways. `fast` throws clients out and writes a checkpoint;
 * `immediate` leaves recovery to the next start; a server that heeds neither is killed. No way loses a commit.
 * For a pid that may be stale, ask isServerAlive first. May be called for a process that is gone.
 */
export async function stopServer(
  pid: number,
  mode: 'fast' | 'immediate',
  timeoutMs: number,
  escalateMs = 5000,
): Promise<'fast' | 'immediate' | 'kill'> {
  if (mode === 'fast' && (await endsBy(pid, 'SIGINT', { withinMs: timeoutMs, pollMs: exitPollMs }))) return 'fast'
  const quitMs = mode === 'immediate' ? timeoutMs : escalateMs
  if (await endsBy(pid, 'SIGQUIT', { withinMs: quitMs, pollMs: exitPollMs })) return 'immediate'
  if (await endsBy(pid, 'SIGKILL', { withinMs: killWaitMs, pollMs: exitPollMs })) return 'kill'
  throw new TenfoldError('timeout', `process ${pid} does not die, not even by SIGKILL: it hangs in the kernel`)
}
