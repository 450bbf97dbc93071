// Starts, awaits and stops a server. It is a process of its own: it outlives whoever started it, and whoever comes later
// can wait for it and stop it by its pid alone.

import { type ChildProcess, spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { PostgresAdmin } from './admin.ts'
import { findPostgres } from './binaries.ts'
import { hasCluster } from './cluster.ts'
import type { PostgresAddress, PostgresBinaries, PostgresSecrets, PostgresState } from './contract.ts'
import { disownLockFile, isProcessAlive, isServerAlive, readLockFile } from './lock-file.ts'
import { ownerOfCluster } from './owner.ts'
import { explainExit, isLeftoverMemory } from './start-failure.ts'

export { isServerAlive } from './lock-file.ts'

const pollMs = 10
/** How long a start is watched; recovery after a crash may go on for longer, and waitForServer waits for that. */
const settleMs = 3000
/** The children of a killed server notice its death within moments; until then they hold its shared memory. */
const leftoverMemoryWaitMs = 10_000
const killAfterMs = 5000

export interface RunningServer {
  pid: number
}

/**
 * Resolves when the server runs: most often it serves already, while after a crash it may still recover.
 * On a directory that is served already it answers that server's pid.
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
  const deadline = systemClock.monotonic() + leftoverMemoryWaitMs
  for (;;) {
    const lock = readLockFile(dataDir)
    if (lock && isServerAlive(lock.pid, dataDir)) return { pid: lock.pid }
    if (lock && isProcessAlive(lock.pid)) disownLockFile(dataDir)
    const log = await openLog(logFile)
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
 * @throws program-failed as soon as the process is gone, unauthorized on a wrong password, timeout.
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
 * Resolves when the process is gone, and says what it took. `fast` throws clients out and writes a checkpoint;
 * `immediate` leaves recovery to the next start; a server that heeds neither is killed. No way loses a commit.
 * For a pid that may be stale, ask isServerAlive first. May be called for a process that is gone.
 */
export async function stopServer(
  pid: number,
  mode: 'fast' | 'immediate',
  timeoutMs: number,
): Promise<'fast' | 'immediate' | 'kill'> {
  if (mode === 'fast' && (await stopsBy(pid, 'SIGINT', timeoutMs))) return 'fast'
  if (await stopsBy(pid, 'SIGQUIT', mode === 'immediate' ? timeoutMs : killAfterMs)) return 'immediate'
  if (await stopsBy(pid, 'SIGKILL', killAfterMs)) return 'kill'
  throw new TenfoldError('timeout', `process ${pid} does not die, not even by SIGKILL: it hangs in the kernel`)
}

async function launch(postgres: string, dataDir: string, logFd: number): Promise<ChildProcess> {
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
async function survivesStart(server: ChildProcess, dataDir: string): Promise<boolean> {
  const exited = new AbortController()
  server.once('exit', () => exited.abort())
  const deadline = systemClock.monotonic() + settleMs
  while (server.exitCode === null && server.signalCode === null) {
    const lock = readLockFile(dataDir)
    if (lock?.pid === server.pid && (lock?.status === 'ready' || lock?.status === 'standby')) return true
    if (systemClock.monotonic() >= deadline) return true
    await systemClock.sleep(pollMs, exited.signal)
  }
  return false
}

/** The log, with what is written to it from now on. */
async function openLog(path: string) {
  const file = await open(path, 'a+', 0o640)
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

async function stopsBy(pid: number, signal: NodeJS.Signals, withinMs: number): Promise<boolean> {
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
